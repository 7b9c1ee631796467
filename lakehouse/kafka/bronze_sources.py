"""Which topics each bronze table reads."""

from typing import NamedTuple

from lakehouse.settings import Kafka
from lakehouse.tables import BRONZE_EVENTS, BRONZE_FEEDBACK, Table


class Source(NamedTuple):
    """One query of stream 1: the table that it fills and the topics that it reads; no query without topics."""

    table: Table
    topics: tuple[str, ...]

    @property
    def stream(self) -> str:
        return f"bronze/{self.table.name}"


def bronze_sources(kafka: Kafka) -> tuple[Source, Source]:
    """Each topic once, in whatever settings it stands: one that feedback shares goes to bronze.events."""
    return Source(BRONZE_EVENTS, kafka.catalogue_topics), Source(BRONZE_FEEDBACK, kafka.own_feedback_topics)
