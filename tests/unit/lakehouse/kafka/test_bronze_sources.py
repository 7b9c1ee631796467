"""Which topics each bronze table reads, and what waits for a table that reads none."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakehouse.history.backlog import KafkaBacklog, kafka_backlog
from lakehouse.kafka.bronze_sources import bronze_sources
from lakehouse.kafka.meter import KafkaMeter
from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import load_settings
from lakehouse.tables import BRONZE_FEEDBACK


@pytest.mark.parametrize(
    ("topics", "events", "feedback"),
    [
        # users, movies, series, feedback
        (("u", "m", "s", "f"), ("u", "m", "s"), ("f",)),
        (("t", "t", "t", "t"), ("t",), ()),
        (("t", "t", "t", "f"), ("t",), ("f",)),
        (("t", "t", "s", "f"), ("t", "s"), ("f",)),
        (("u", "t", "t", "f"), ("u", "t"), ("f",)),
        (("t", "m", "t", "t"), ("t", "m"), ()),
        (("t", "m", "s", "t"), ("t", "m", "s"), ()),
        (("u", "m", "t", "t"), ("u", "m", "t"), ()),
    ],
)
def test_each_topic_is_read_once(
    topics: tuple[str, ...], events: tuple[str, ...], feedback: tuple[str, ...]
) -> None:
    names = ("users_topic", "movies_topic", "series_topic", "feedback_topic")
    kafka = load_settings().kafka.model_copy(update=dict(zip(names, topics, strict=True)))
    assert [source.topics for source in bronze_sources(kafka)] == [events, feedback]
    assert kafka.topics == events + feedback


def test_more_topics_are_read_into_the_events_each_once() -> None:
    names = {"users_topic": "u", "movies_topic": "m", "series_topic": "s", "feedback_topic": "f"}
    kafka = load_settings().kafka.model_copy(update={**names, "more_topics": ("x", "u")})
    assert [source.topics for source in bronze_sources(kafka)] == [("u", "m", "s", "x"), ("f",)]
    shared = kafka.model_copy(update={"more_topics": ("f",)})
    assert [source.topics for source in bronze_sources(shared)] == [("u", "m", "s", "f"), ()]


class Unasked(KafkaMeter):
    def __init__(self) -> None:
        """No connection: any request to it fails."""


def test_nothing_waits_for_a_table_without_topics(tmp_path: Path) -> None:
    """Its rows, and its checkpoint, date from earlier settings."""
    log = tmp_path / "bronze" / "feedback" / "_delta_log"
    log.mkdir(parents=True)
    add = {"path": "one.parquet", "size": 1, "dataChange": True, "stats": '{"numRecords": 1}'}
    (log / f"{0:020d}.json").write_text(json.dumps({"add": add}), encoding="utf-8")
    backlog = kafka_backlog(
        Lakehouse(tmp_path), BRONZE_FEEDBACK, (), Unasked(), now=datetime(2026, 1, 1, tzinfo=UTC)
    )
    assert backlog == KafkaBacklog(0, 0.0)
