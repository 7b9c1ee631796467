"""Which events win: one case per situation, all decided in one frame."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from silver.latest import ORDER, decide, targeted
from tests.support.frames import assert_df_equality

USERS, CONTENT, TOMBSTONES = "users", "content", "tombstones"
ROW = (
    "target string, entity string, event_timestamp timestamp, kafka_timestamp timestamp, topic string, "
    "partition int, `offset` bigint, row bigint"
)


class Event(NamedTuple):
    """What the order compares: the minutes of the event and of its record, and the record's coordinates."""

    target: str
    minute: int
    kafka_minute: int = 50
    topic: str = "a"
    partition: int = 0
    offset: int = 0

    def row(self, entity: str) -> tuple[object, ...]:
        return (self.target, entity, at(self.minute), at(self.kafka_minute), *self[3:])


class Case(NamedTuple):
    """`wins`: the verdict on each event of the batch, in order."""

    batch: list[Event]
    stored: list[Event]
    wins: list[bool]


def at(minute: int) -> datetime:
    return datetime(2025, 5, 13, 12, minute, tzinfo=UTC)


OLD, NEW = Event(USERS, 10), Event(USERS, 20)
CASES: Mapping[str, Case] = {
    "an id that silver does not know": Case([OLD], [], [True]),
    "newer than the stored one": Case([NEW], [OLD], [True]),
    "older than the stored one": Case([OLD], [NEW], [False]),
    "the stored one itself, in a repeated batch": Case([OLD], [OLD], [True]),
    "same event time, later Kafka time": Case([Event(USERS, 10, 51)], [Event(USERS, 10, 50)], [True]),
    "same event time, earlier Kafka time": Case([Event(USERS, 10, 50)], [Event(USERS, 10, 51)], [False]),
    "a later event in an earlier record": Case([Event(USERS, 20, 40)], [Event(USERS, 10, 50)], [True]),
    "same times, later topic": Case([Event(USERS, 10, topic="b")], [Event(USERS, 10, offset=9)], [True]),
    "same times, later partition": Case([Event(USERS, 10, partition=1)], [Event(USERS, 10, offset=9)], [True]),
    "same times, partition 10 is after 9": Case(
        [Event(USERS, 10, partition=10)], [Event(USERS, 10, partition=9)], [True]
    ),
    "same times, later offset": Case([Event(USERS, 10, offset=8)], [Event(USERS, 10, offset=7)], [True]),
    "same times, earlier offset": Case([Event(USERS, 10, offset=7)], [Event(USERS, 10, offset=8)], [False]),
    "a tombstone after the stored event": Case([Event(TOMBSTONES, 20)], [OLD], [True]),
    "a tombstone before the stored event": Case([Event(TOMBSTONES, 10)], [NEW], [False]),
    "a tombstone of nothing": Case([Event(TOMBSTONES, 10)], [], [True]),
    "an event after the stored tombstone returns": Case([NEW], [Event(TOMBSTONES, 10)], [True]),
    "an event before the stored tombstone does not": Case([OLD], [Event(TOMBSTONES, 20)], [False]),
    "event, then tombstone in one batch": Case([OLD, Event(TOMBSTONES, 20)], [], [False, True]),
    "tombstone, then event in one batch": Case([NEW, Event(TOMBSTONES, 10)], [], [True, False]),
    "same time, the tombstone's record is later": Case(
        [Event(USERS, 10, offset=1), Event(TOMBSTONES, 10, offset=2)], [], [False, True]
    ),
    "same time, the event's record is later": Case(
        [Event(USERS, 10, offset=2), Event(TOMBSTONES, 10, offset=1)], [], [True, False]
    ),
    "one id in two tables: neither minds the other": Case([NEW, Event(CONTENT, 10)], [], [True, True]),
    "one id in two tables: each against its own": Case([OLD, Event(CONTENT, 20)], [NEW], [False, True]),
    "a tombstone is for both tables": Case(
        [OLD, Event(CONTENT, 15), Event(TOMBSTONES, 20)], [], [False, False, True]
    ),
    "a tombstone between an id's two tables": Case(
        [OLD, Event(CONTENT, 30), Event(TOMBSTONES, 20)], [], [False, True, False]
    ),
    "a second, later tombstone": Case([Event(TOMBSTONES, 20)], [Event(TOMBSTONES, 10)], [True]),
    "a second, earlier tombstone": Case([Event(TOMBSTONES, 10)], [Event(TOMBSTONES, 20)], [False]),
    "two tombstones stored around an event": Case(
        [Event(USERS, 15)], [Event(TOMBSTONES, 20), Event(USERS, 10)], [False]
    ),
    # `stored` has one row per table that knows the id
    "the id is stored in three tables": Case(
        [NEW, Event(CONTENT, 20)], [OLD, Event(CONTENT, 30), Event(TOMBSTONES, 15)], [True, False]
    ),
    "the tombstone repeated after its deletion happened": Case(
        [Event(TOMBSTONES, 20)], [Event(TOMBSTONES, 20)], [True]
    ),
}


def frame(spark: SparkSession, events: list[tuple[object, ...]]) -> DataFrame:
    return spark.createDataFrame([(*event, row) for row, event in enumerate(events)], ROW)


@pytest.fixture(scope="module")
def decided(spark: SparkSession) -> Mapping[str, list[tuple[object, ...]]]:
    """The verdicts on all cases, decided in one frame whose entity is the case."""
    batch = frame(spark, [event.row(name) for name, case in CASES.items() for event in case.batch])
    stored = frame(spark, [event.row(name) for name, case in CASES.items() for event in case.stored])
    shaped = stored.select("target", "entity", F.struct(*ORDER).alias("moment"))
    found: dict[str, list[tuple[object, ...]]] = {name: [] for name in CASES}
    for name, *verdict in decide(batch, shaped).select("entity", "target", "moment.offset", "wins").collect():
        found[name].append(tuple(verdict))
    return found


@pytest.mark.parametrize("name", CASES)
def test_the_latest_wins(decided: Mapping[str, list[tuple[object, ...]]], name: str) -> None:
    case = CASES[name]
    expected = [(event.target, event.offset, won) for event, won in zip(case.batch, case.wins, strict=True)]
    assert sorted(decided[name]) == sorted(expected)


def test_an_id_stored_twice_does_not_multiply_the_batch(spark: SparkSession) -> None:
    """A table that breaks its own key must not duplicate an event."""
    stored = frame(spark, [OLD.row("x"), Event(USERS, 15).row("x")])
    shaped = stored.select("target", "entity", F.struct(*ORDER).alias("moment"))
    assert decide(frame(spark, [NEW.row("x")]), shaped).select("entity", "wins").collect() == [("x", True)]


def test_an_id_stored_twice_is_marked_where_the_batch_replaces_it(spark: SparkSession) -> None:
    batch = [NEW.row("replaced"), OLD.row("repeated"), OLD.row("too old"), NEW.row("once"), NEW.row("deleted")]
    stored = [event.row(name) for name in ("replaced", "repeated", "too old") for event in (OLD, OLD)]
    stored += [NEW.row("too old"), OLD.row("once"), OLD.row("deleted"), Event(TOMBSTONES, 10).row("deleted")]
    shaped = frame(spark, stored).select("target", "entity", F.struct(*ORDER).alias("moment"))
    found = decide(frame(spark, batch), shaped).select("entity", "wins", "is_held_twice").collect()
    assert sorted(tuple(row) for row in found) == [
        ("deleted", True, False),
        ("once", True, False),
        ("repeated", True, True),
        ("replaced", True, True),
        ("too old", False, False),
    ]


def test_of_a_batch_the_latest_row_per_table_and_id_is_left(spark: SparkSession) -> None:
    rows = [
        Event(USERS, 10, offset=1).row("x"),
        Event(USERS, 20, offset=2).row("x"),  # the latest event
        Event(USERS, 20, kafka_minute=49, offset=3).row("x"),  # same time, in an earlier record
        Event(CONTENT, 10, offset=4).row("x"),  # the same id in another table
        Event(TOMBSTONES, 15, offset=5).row("x"),
        Event(TOMBSTONES, 16, offset=6).row("x"),  # the later tombstone
        Event(USERS, 10, offset=7).row("y"),
        Event(USERS, 10, offset=8).row("y"),  # an exact duplicate except for its offset
    ]
    nothing = frame(spark, []).select("target", "entity", F.struct(*ORDER).alias("moment"))
    # bronze holds a record twice
    rows += [Event(kind, 10, offset=9).row("z") for kind in (USERS, TOMBSTONES) for _ in range(3)]
    expected = [("users", "x", 2), ("content", "x", 4), ("tombstones", "x", 6), ("users", "y", 8)]
    expected += [("users", "z", 9), ("tombstones", "z", 9)]
    assert_df_equality(
        decide(frame(spark, rows), nothing).select("target", "entity", "moment.offset"),
        spark.createDataFrame(expected, "target string, entity string, `offset` bigint"),
        ignore_row_order=True,
        ignore_nullable=True,
    )


def test_a_row_goes_where_its_type_says_and_a_tombstone_is_about_its_key(spark: SparkSession) -> None:
    valid = spark.createDataFrame(
        [
            (False, "user", "k", "a"),
            (False, "movie", "k", "b"),
            (False, "series", "k", "c"),
            (False, "feedback", None, "d"),  # the key says nothing about an event
            (True, None, "e", None),
        ],
        "is_tombstone boolean, type string, key_id string, id string",
    )
    expected = [("users", "a"), ("content", "b"), ("content", "c"), ("feedback", "d"), ("tombstones", "e")]
    assert_df_equality(
        targeted(valid).select("target", "entity", "id"),
        spark.createDataFrame([(*row, row[1]) for row in expected], "target string, entity string, id string"),
        ignore_nullable=True,
    )


def test_what_silver_holds_is_listed_per_table(spark: SparkSession) -> None:
    """Only a table without the id may be appended to, and only a table with it can lose it."""
    batch = [NEW.row("x"), NEW.row("y"), Event(CONTENT, 20).row("x"), Event(TOMBSTONES, 20).row("z")]
    stored = [OLD.row("x"), Event(TOMBSTONES, 10).row("x"), OLD.row("z")]
    shaped = frame(spark, stored).select("target", "entity", F.struct(*ORDER).alias("moment"))
    got = decide(frame(spark, batch), shaped).select("target", "entity", "is_held", "held_in.*")
    expected = [
        (USERS, "x", True, True, False, False),
        (USERS, "y", False, False, False, False),
        (CONTENT, "x", False, True, False, False),
        (TOMBSTONES, "z", False, True, False, False),
    ]
    assert_df_equality(
        got,
        spark.createDataFrame(
            expected,
            "target string, entity string, is_held boolean, users boolean, content boolean, feedback boolean",
        ),
        ignore_row_order=True,
        ignore_nullable=True,
    )
