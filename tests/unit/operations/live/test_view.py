"""The parts of live mode that need neither Spark nor Kafka: its view, its producers' plan, its workers."""

import itertools
import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from lakehouse.history.backlog import KafkaBacklog, SilverBacklog
from lakehouse.settings import Settings, load_settings
from operations.live.producers import live_feeds
from operations.live.view import LiveFigures, ProgressTail, StreamFacts, line, picture, together
from operations.live.workers import BackgroundWork
from producers.made_up.activity import feedback_records
from producers.made_up.timeline import DEFAULT_START, feedback_instants
from producers.sending.records import Record

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
FACTS = LiveFigures(
    title="lakehouse up until Ctrl-C, 42 s so far",
    seconds=42.4,
    sent={"users": 2010, "feedback": 1700},
    sent_rate=50.0,
    streams={
        "bronze.events": StreamFacts(3, 2010, 10.0, 0.4),
        "bronze.feedback": StreamFacts(8, 1690, 40.0, 0.6),
        "silver": StreamFacts(5, 3600, 45.25, 3.14),
    },
    kafka=KafkaBacklog(10, 0.8),
    silver=SilverBacklog(1, 100, 2.5),
    rejected=71,
    gold="run 1 for 12 s: recommendations",
)


def batch(stream: str, rows: int, *, before: float, took_ms: int = 1500) -> str:
    """A line of stream_progress.jsonl, logged that many seconds before NOW."""
    logged_at = (NOW - timedelta(seconds=before)).isoformat(timespec="milliseconds")
    facts = {"logged_at": logged_at, "stream": stream, "rows": rows, "durations_ms": {"triggerExecution": took_ms}}
    return json.dumps({**facts, "kafka_lag": None}) + "\n"


def test_a_line_has_every_figure() -> None:
    assert line(FACTS) == (
        "    42 s  sent 3,710 (50.0/s); bronze 3,700 (50.0/s); silver 3,600 (45.2/s, last batch 3.1 s); "
        "delay 0.8 s (10 records in Kafka) + 2.5 s (100 rows of bronze); rejected 71; "
        "gold run 1 for 12 s: recommendations"
    )


def test_before_its_first_batch_silver_has_no_time() -> None:
    waiting = FACTS._replace(streams={**FACTS.streams, "silver": StreamFacts(0, 0, 0.0, None)})
    assert "; silver 0 (0.0/s); delay " in line(waiting)


def test_the_picture_has_the_same_figures() -> None:
    console = Console(width=100, record=True, file=None, force_terminal=False)
    with console.capture() as said:
        console.print(picture(FACTS))
    shown = said.get()
    for text in (
        "lakehouse up until Ctrl-C, 42 s so far",
        "users 2,010, feedback 1,700 (50.0/s)",
        "0.8 s (10 records in Kafka) + 2.5 s (100 rows of bronze)",
        "71 rows",
        "run 1 for 12 s: recommendations",
    ):
        assert text in shown
    rows = {words[0]: words[1:] for words in (text.split() for text in shown.splitlines()) if words}
    assert rows["bronze.events"] == ["2,010", "10.0", "3", "0.4", "s"]
    assert rows["silver"] == ["3,600", "45.2", "5", "3.1", "s"]


def test_where_others_send_the_line_does_not_mention_sending() -> None:
    facts = FACTS._replace(sent={}, sent_rate=0.0)
    assert line(facts).startswith("    42 s  bronze 3,700 (50.0/s); ")
    console = Console(width=100)
    with console.capture() as said:
        console.print(picture(facts))
    assert "  sent      by others\n" in said.get()


def test_what_is_unknown_is_said() -> None:
    """Kafka that does not answer, a missing checkpoint, a record without a time."""
    silent = FACTS._replace(kafka=KafkaBacklog(None, None, "no broker"), silver=SilverBacklog(1, 100, None))
    assert "delay no broker + ? (100 rows of bronze);" in line(silent)


def test_batches_count_from_the_start_and_rates_over_half_a_minute(tmp_path: Path) -> None:
    file = tmp_path / "stream_progress.jsonl"
    file.write_text(batch("silver", 1_000, before=1), encoding="utf-8")  # from an earlier run
    tail = ProgressTail(file)
    assert tail.read(now=NOW, seconds=0) == dict.fromkeys(
        ("bronze.events", "bronze.feedback", "silver"), StreamFacts()
    )
    with file.open("a", encoding="utf-8") as lines:
        lines.write(batch("silver", 90, before=31))  # too old for the rate
        lines.write(batch("silver", 60, before=20, took_ms=2_250))
        half = batch("silver", 30, before=1, took_ms=500)
        lines.write(half[:20])
    assert tail.read(now=NOW, seconds=60)["silver"] == StreamFacts(2, 150, 2.0, 2.25)
    with file.open("a", encoding="utf-8") as lines:
        lines.write(half[20:])
        lines.write("a line of a full\n")
    assert tail.read(now=NOW, seconds=60)["silver"] == StreamFacts(3, 180, 3.0, 0.5)
    # at the start, the rate is over the time so far
    assert tail.read(now=NOW, seconds=10)["silver"].rate == 9.0


def test_no_log_yet_is_no_batch(tmp_path: Path) -> None:
    assert ProgressTail(tmp_path / "none.jsonl").read(now=NOW, seconds=5)["silver"] == StreamFacts()


def test_what_waits_for_bronze_as_a_whole() -> None:
    both = together([KafkaBacklog(3, 1.0), KafkaBacklog(4, 2.5)])
    assert both == (7, 2.5, "")
    assert together([KafkaBacklog(3, 1.0), KafkaBacklog(None, None, "gone")]) == (None, None, "gone")


# --- producers -------------------------------------------------------------------------------------------


@pytest.fixture
def small() -> Settings:
    settings = load_settings()
    demo = settings.demo.model_copy(update={"users": 6, "titles": 10, "feedback": 5, "dirty": 0.0})
    return settings.model_copy(update={"demo": demo})


def ids(records: list[Record]) -> list[str]:
    return [(record.key or b"").decode() for record in records]


def test_on_empty_topics_every_user_is_sent_first_and_then_again_and_again(small: Settings) -> None:
    feeds = {
        feed.name: feed
        for feed in live_feeds(small.demo, small.kafka, dict.fromkeys(small.kafka.topics, 0), rate=100.0)
    }
    users = [f"u{number:06d}" for number in range(1, 7)]
    assert ids(list(feeds["users"].opening())) == users
    assert ids(list(itertools.islice(feeds["users"].lasting(), 13))) == [*users, *users, users[0]]
    assert len(list(feeds["movies"].opening())) + len(list(feeds["series"].opening())) == 10
    assert ids(list(itertools.islice(feeds["feedback"].lasting(), 2))) == ["f42-0000001", "f42-0000002"]
    assert list(feeds["feedback"].opening()) == []
    # four in five are feedback, the rest is split like users and titles: 6 to 7 to 3
    assert {name: round(feed.rate, 2) for name, feed in feeds.items()} == {
        "users": 7.5,
        "movies": 8.75,
        "series": 3.75,
        "feedback": 80.0,
    }


def test_on_topics_that_hold_them_nothing_is_sent_at_once_and_no_feedback_twice(small: Settings) -> None:
    kafka = small.kafka
    ends = {kafka.users_topic: 6, kafka.movies_topic: 7, kafka.series_topic: 3, kafka.feedback_topic: 1_234}
    feeds = {feed.name: feed for feed in live_feeds(small.demo, small.kafka, ends, rate=100.0)}
    assert [list(feed.opening()) for feed in feeds.values()] == [[], [], [], []]
    assert ids(list(itertools.islice(feeds["feedback"].lasting(), 2))) == ["f42-0001235", "f42-0001236"]


@pytest.mark.parametrize(("held", "is_due"), [(0, True), (12, True), (13, False)])
def test_producers_that_share_a_topic_ask_whether_it_holds_what_all_of_them_send(
    small: Settings, held: int, is_due: bool
) -> None:
    """Six users and seven movies; the series are on their own topic, which has them all."""
    shared = small.kafka.model_copy(update={"movies_topic": small.kafka.users_topic})
    ends = {shared.users_topic: held, shared.series_topic: 3, shared.feedback_topic: 0}
    feeds = live_feeds(small.demo, shared, ends, rate=100.0)
    sent = {feed.name: len(list(feed.opening())) for feed in feeds}
    assert sent == {"users": 6 * is_due, "movies": 7 * is_due, "series": 0, "feedback": 0}


@pytest.mark.parametrize("skip", [0, 1, 499, 500, 501, 1_000])
def test_feedback_goes_on_where_it_stopped(skip: int) -> None:
    """Blocks have 500 events: at their edges, too, the same events follow."""

    def records(count: int, skip: int = 0) -> list[Record]:
        instants = feedback_instants(DEFAULT_START, None)
        return list(feedback_records(7, count, users=20, movies=10, series=5, instants=instants, skip=skip))

    whole, rest = records(skip + 3), records(3, skip)
    assert ids(rest) == ids(whole[skip:])
    values = [json.loads(record.value or b"") for record in (*rest, *whole[skip:])]
    for value in values:
        value.pop("timestamp")  # the times were not skipped
    assert values[:3] == values[3:]


# --- workers ---------------------------------------------------------------------------------------------


def test_a_failure_is_kept_for_the_caller() -> None:
    def fail() -> None:
        raise ValueError("why")

    worker = BackgroundWork("one", fail)
    assert worker.join(5)
    assert isinstance(worker.failure, ValueError)


def test_one_that_hangs_holds_nobody_up() -> None:
    release = threading.Event()
    worker = BackgroundWork("one", release.wait)
    assert not worker.join(0.01)
    assert not worker.ended()
    release.set()
    assert worker.join(5)
    assert worker.failure is None
