"""Which topics each bronze table reads."""

from typing import NamedTuple

from lakehouse.settings import KafkaSettings
from lakehouse.tables import BRONZE_EVENTS, BRONZE_FEEDBACK, Table


class BronzeSource(NamedTuple):
    """One query of stream 1: the table that it writes and the topics that it reads; without topics, no query."""

    table: Table
    topics: tuple[str, ...]

    @property
    def stream(self) -> str:
        return f"bronze/{self.table.name}"


def bronze_sources(kafka: KafkaSettings) -> tuple[BronzeSource, BronzeSource]:
    """Each topic once, whichever settings name it: one that feedback shares goes to bronze.events."""
    return BronzeSource(BRONZE_EVENTS, kafka.events_topics), BronzeSource(
        BRONZE_FEEDBACK, kafka.own_feedback_topics
    )
