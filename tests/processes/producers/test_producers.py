"""The producers as a user runs them, against a real broker: what they report as delivered is in the topics."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from lakehouse import sent
from lakehouse.broker.embedded import kafka_cluster, own_broker
from lakehouse.errors import BrokerError
from lakehouse.kafka.client import Cluster, configured_cluster
from lakehouse.kafka.topics import end_offsets, ensure_topics
from lakehouse.settings import Settings, load_settings
from producers.made_up.activity import feedback_records
from producers.made_up.entities import movie_records, series_records, user_records
from producers.real.catalogue import COLUMNS
from producers.replay import read_replay
from producers.sending.delivery import publish
from producers.sending.records import Record
from tests.support.ports import free_ports
from tests.support.processes import environment

LINE = re.compile(r"(\w+): ([\d,]+) sent, ([\d,]+) delivered, ([\d,]+) failed, [\d,]+ records/s")
SHOWS = (
    ",".join(COLUMNS)
    + "\n"
    + (
        's1,Movie,Old Film,"Ana Ruiz","Mar Gil",,"January 1, 2008",1970,PG,90 min,Dramas,d\n'
        's2,TV Show,Old Show,,,,"May 1, 2009",2009,TV-G,1 Season,TV Dramas,d\n'
    )
)
MOVIES = 'movieId,title,genres\n1,Old Film (1970),Drama\n2,"Other, The (1980)",Comedy\n'
RATINGS = "userId,movieId,rating,timestamp\n7,1,5.0,962304000\n7,2,2.0,962390400\n"


def run(settings: Settings, *command: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        env={**environment(settings), **changes},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def consumed(cluster: Cluster, topic: str) -> list[Record]:
    """Every record of the topic, ordered by Kafka timestamp."""
    consumer = KafkaConsumer(**cluster.client_options(), auto_offset_reset="earliest", group_id=None)
    try:
        parts = [TopicPartition(topic, part) for part in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(parts)
        missing = sum(consumer.end_offsets(parts).values())
        records: list[Record] = []
        deadline = time.monotonic() + 60
        while len(records) < missing:
            assert time.monotonic() < deadline, f"{len(records)} of {missing} records of {topic}"
            for batch in consumer.poll(timeout_ms=500).values():
                records += [Record(found.key, found.value, found.timestamp) for found in batch]
        return sorted(records, key=lambda record: (record.timestamp_ms, record.key))
    finally:
        consumer.close()


def in_time(records: list[Record]) -> list[Record]:
    return sorted(records, key=lambda record: (record.timestamp_ms, record.key))


@pytest.mark.parametrize("name", ["users", "movies", "series", "feedback"])
def test_a_producer_delivers_what_its_generator_makes(settings: Settings, name: str) -> None:
    sizes = ["--users", "20", "--movies", "20", "--series", "10"] if name == "feedback" else []
    done = run(settings, f"producers.{name}", "--count", "50", "--seed", "1", "--dirty", "0.2", *sizes)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(rf"{name}: 50 sent, 50 delivered, 0 failed, [\d,]+ records/s\n", done.stdout)
    assert done.stderr == ""
    expected = {
        "users": lambda: user_records(1, 50, dirty=0.2),
        "movies": lambda: movie_records(1, 50, dirty=0.2),
        "series": lambda: series_records(1, 50, dirty=0.2),
        "feedback": lambda: feedback_records(1, 50, users=20, movies=20, series=10, dirty=0.2),
    }[name]()
    topic = getattr(settings.kafka, f"{name}_topic")
    assert consumed(configured_cluster(settings.kafka), topic) == in_time(list(expected))


@pytest.mark.parametrize(
    ("signum", "arguments", "code"),
    [
        (signal.SIGINT, [], 0),  # a stop is how an endless run ends
        (signal.SIGTERM, [], 0),
        (signal.SIGINT, ["--count", "1000000"], 130),  # fewer than requested
    ],
)
def test_a_stop_flushes(settings: Settings, signum: int, arguments: list[str], code: int) -> None:
    topic, cluster = settings.kafka.users_topic, configured_cluster(settings.kafka)
    command = [sys.executable, "-m", "producers.users", "--seed", "1", "--rate", "500", *arguments]
    with subprocess.Popen(
        command, env=environment(settings), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        await_records(cluster, topic)
        running.send_signal(signum)
        out, err = running.communicate(timeout=60)
    assert running.returncode == code, err
    assert err == ""
    line = LINE.fullmatch(out.strip())
    assert line is not None, out
    sent, delivered, failed = (int(number.replace(",", "")) for number in line.groups()[1:])
    assert (sent, failed) == (delivered, 0)
    assert delivered == len(consumed(cluster, topic)) > 0


def await_records(cluster: Cluster, topic: str) -> None:
    consumer = KafkaConsumer(
        topic, **cluster.client_options(), auto_offset_reset="earliest", metadata_max_age_ms=500
    )
    try:
        deadline = time.monotonic() + 60
        while not consumer.poll(timeout_ms=500):
            assert time.monotonic() < deadline, f"nothing arrived in {topic}"
    finally:
        consumer.close()


def test_a_broker_that_does_not_answer_is_one_line(settings: Settings) -> None:
    nowhere = f"127.0.0.1:{free_ports(1)[0]}"
    done = run(
        settings,
        "producers.movies",
        "--count",
        "5",
        "--seed",
        "1",
        LAKEHOUSE_KAFKA__BOOTSTRAP_SERVERS=nowhere,
        LAKEHOUSE_KAFKA__CONNECT_TIMEOUT_SECONDS="2",
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.fullmatch(rf"lakehouse: .*{nowhere}.*; .*\n", done.stderr)
    with pytest.raises(BrokerError, match=f"no Kafka broker answers at {nowhere}"):
        publish([], topic="t", cluster=Cluster(nowhere), connect_timeout_seconds=1)


def test_a_record_that_is_too_large_is_counted_and_the_rest_delivered(settings: Settings) -> None:
    records = [Record(b"a", b"1", 1), Record(b"b", b"x" * 2_000_000, 2), Record(b"c", b"3", 3)]
    heard: list[int] = []
    topic, cluster = settings.kafka.users_topic, configured_cluster(settings.kafka)
    ensure_topics(cluster, [topic], partitions=1, replication_factor=1, timeout_seconds=10)
    delivery = publish(records, topic=topic, cluster=cluster, on_progress=heard.append)
    assert delivery[:3] == (3, 2, 1)
    assert "MessageSizeTooLargeError" in delivery.error
    assert heard == [3]
    assert consumed(cluster, topic) == [records[0], records[2]]


def test_a_time_of_the_future_is_left_to_silver(settings: Settings) -> None:
    """Kafka refuses such a Kafka timestamp: the record is sent with the current time, and so are the others."""
    now_ms = round(time.time() * 1000)
    records = [Record(b"a", b"1", now_ms + 400 * 86_400_000), Record(b"b", b"2", 5)]
    topic, cluster = settings.kafka.users_topic, configured_cluster(settings.kafka)
    ensure_topics(cluster, [topic], partitions=1, replication_factor=1, timeout_seconds=10)
    assert publish(records, topic=topic, cluster=cluster)[:3] == (2, 2, 0)
    old, new = consumed(cluster, topic)
    assert old == records[1]
    assert (new.key, new.value) == (b"a", b"1")
    assert now_ms <= (new.timestamp_ms or 0) <= now_ms + 60_000


def test_a_replay_keeps_real_times_and_the_broker_keeps_the_records(settings: Settings, tmp_path: Path) -> None:
    for name, text in {"shows": SHOWS, "movies": MOVIES, "ratings": RATINGS}.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    done = run(settings, "producers.replay", str(tmp_path / "shows.csv"), "--ratings", str(tmp_path))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.rsplit(", ", 1)[0] for line in lines[-4:]] == [
        "movies: 2 sent, 2 delivered, 0 failed",
        "series: 1 sent, 1 delivered, 0 failed",
        "users: 1 sent, 1 delivered, 0 failed",
        "feedback: 2 sent, 2 delivered, 0 failed",
    ]
    # the user sees these lines before anything is sent
    assert lines[0] == "matched: 1 MovieLens movies are also in the catalogue"
    replay = read_replay(tmp_path / "shows.csv", tmp_path)
    kafka = settings.kafka
    for topic, records in zip(kafka.topics, replay[:4], strict=True):
        # records from the year 2000: a topic with a week's retention would soon lose them
        assert consumed(configured_cluster(kafka), topic) == in_time(records)
        assert retention_ms(configured_cluster(kafka), topic) == "-1"


def retention_ms(cluster: Cluster, topic: str) -> str:
    client = KafkaAdminClient(**cluster.client_options())
    try:
        answer = client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all")
        return str(answer["topic"][topic]["retention.ms"]["value"])
    finally:
        client.close()


def test_a_wrong_layout_is_one_line_and_sends_nothing(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "wrong.csv").write_text("id,name\n1,a\n", encoding="utf-8")
    done = run(settings, "producers.replay", str(tmp_path / "wrong.csv"))
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.fullmatch(r"lakehouse: .*wrong\.csv has no column show_id.*\n", done.stderr)


@pytest.mark.parametrize(
    ("ratings", "message"),
    [
        (
            RATINGS.replace("962390400", "yesterday"),
            r"ratings\.csv: column timestamp .*\(line 3\): 'yesterday' .*",
        ),
        (RATINGS.replace("rating,", "stars,"), r"ratings\.csv has no column rating; it has .*"),
    ],
)
def test_wrong_ratings_are_one_line_and_send_nothing(
    settings: Settings, tmp_path: Path, ratings: str, message: str
) -> None:
    (tmp_path / "movies.csv").write_text(MOVIES, encoding="utf-8")
    (tmp_path / "ratings.csv").write_text(ratings, encoding="utf-8")
    done = run(settings, "producers.replay", "--ratings", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(rf"lakehouse: .*{message}\n", done.stderr)
    assert end_offsets(configured_cluster(settings.kafka), settings.kafka.topics, timeout_seconds=10) == {}


def test_ratings_alone_are_a_source(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "movies.csv").write_text(MOVIES, encoding="utf-8")
    (tmp_path / "ratings.csv").write_text(RATINGS, encoding="utf-8")
    done = run(settings, "producers.replay", "--ratings", str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split(" delivered")[0] for line in done.stdout.splitlines()] == [
        "movies: 2 sent, 2",
        "users: 1 sent, 1",
        "feedback: 2 sent, 2",
    ]
    # from now on, checks of this root know what MovieLens lacks
    assert sent.read(settings.shared_ops).lacks_column("silver.content.clasificacion")


def test_nobody_waits_for_a_broker_that_is_gone(tmp_path: Path, prepared: Callable[[Path], Path]) -> None:
    """With its own broker, killed while records are unconfirmed: they count as failed at once."""
    kafka = load_settings().kafka.model_copy(update={"bootstrap_servers": "", "embedded_port": 0})
    with kafka_cluster(kafka, str(prepared(tmp_path))) as cluster:
        ensure_topics(cluster, ["t"], **kafka.new_topics)
        broker = own_broker(kafka, str(tmp_path))
        assert broker is not None

        def records() -> Iterator[Record]:
            yield Record(b"k", b"before", None)
            os.kill(broker.pid, signal.SIGKILL)
            yield Record(b"k", b"after", None)

        delivery = publish(records(), topic="t", cluster=cluster, abandoned=lambda: True)
    assert delivery.sent == 2
    assert delivery.failed >= 1
    assert delivery.error
