"""Bad conditions: a clear line or a quarantined row, everything else continues, and nothing is lost."""

import os
from pathlib import Path

import pytest
from kafka import KafkaProducer
from py4j.protocol import Py4JNetworkError
from pyspark.sql import SparkSession

from bronze.ingest import ingest
from lakehouse.errors import TableError
from lakehouse.kafka.client import configured_cluster
from lakehouse.kafka.topics import ensure_topics
from lakehouse.locks import RunningError, only_run
from lakehouse.settings import Settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.spark.session import is_lost_connection
from lakehouse.spark.streams import StreamError
from lakehouse.tables import BRONZE_EVENTS, SILVER_BATCHES, SILVER_QUARANTINE, SILVER_USERS
from operations.commands.audit import audit
from producers.made_up.entities import user_records
from producers.sending.delivery import publish
from silver.refine import refine
from tests.support.delta_cache import forget_tables
from tests.support.wide_records import send, wide_user

# Kafka's default limit for a record batch (message.max.bytes).
BROKER_LIMIT = 1_048_588


def faults(settings: Settings) -> list[str]:
    return audit(settings, configured_cluster(settings.kafka))[2]


def test_large_records_and_many_dead_ones(spark: SparkSession, settings: Settings) -> None:
    """900 KB, the broker's limit, and 2,000 invalid records, all in one batch."""
    cluster = configured_cluster(settings.kafka)
    assert send(settings, wide_user(900_000, "wide"), b"{", *[b"no JSON"] * 1_999) == 2_001
    limit = wide_user(BROKER_LIMIT - 88, "limit")  # the batch around one record has a header of some 80 bytes
    producer = KafkaProducer(**cluster.client_options(), max_request_size=2 * BROKER_LIMIT)
    producer.send(settings.kafka.users_topic, limit).get(timeout=20)
    producer.close()
    ingest(spark, settings, cluster)
    refine(spark, settings)
    root = settings.root
    lake = SparkLakehouse(root, spark)
    lengths = lake.read(BRONZE_EVENTS).selectExpr("max(length(value))").collect()
    assert lengths[0][0] == len(limit)
    names = lake.read(SILVER_USERS).selectExpr("id", "length(nombre_usuario) > 800000").collect()
    assert sorted(tuple(row) for row in names) == [("limit", True), ("wide", True)]
    assert lake.read(SILVER_QUARANTINE).count() == 2_000
    batches = lake.read(SILVER_BATCHES).select("rows_in", "applied", "quarantined").collect()
    assert [tuple(row) for row in batches] == [(2_002, 2, 2_000)]
    assert faults(settings) == []


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (ConnectionRefusedError(), True),
        (Py4JNetworkError("Answer from Java side is empty"), True),
        (BrokenPipeError(), False),  # from `lakehouse sql ... | head`
        (PermissionError(), False),
        (ValueError(), False),
    ],
)
def test_only_a_lost_connection_waits_for_the_end_of_the_jvm(error: Exception, lost: bool) -> None:
    assert is_lost_connection(error) is lost


def test_a_corrupt_parquet_file_stops_silver_until_it_is_put_back(spark: SparkSession, settings: Settings) -> None:
    cluster = configured_cluster(settings.kafka)
    ensure_topics(cluster, settings.kafka.topics, **settings.kafka.new_topics)
    publish(user_records(1, 20), topic=settings.kafka.users_topic, cluster=cluster).require_complete("users")
    ingest(spark, settings, cluster)
    file = next(Path(settings.root, "bronze", "events").glob("*.parquet"))
    good = file.read_bytes()
    file.write_bytes(good[:100] + b"\0" * 50 + good[150:])
    file.with_name(f".{file.name}.crc").unlink(missing_ok=True)
    with pytest.raises(StreamError, match=r"^stream silver stopped: ") as error:
        refine(spark, settings)
    assert "\n" not in str(error.value)
    file.write_bytes(good)
    refine(spark, settings)
    assert SparkLakehouse(settings.root, spark).read(SILVER_USERS).count() == 20
    assert faults(settings) == []


@pytest.mark.parametrize(
    "left",
    [
        [],
        [".00000000000000000000.json.5b1b.tmp", "..00000000000000000000.json.5b1b.tmp.crc"],
        ["_staged_commits/"],
    ],
    ids=["an empty log", "a commit being written", "a folder of Delta's"],
)
def test_a_table_whose_making_was_cut_off_is_made(spark: SparkSession, tmp_path: Path, left: list[str]) -> None:
    log = tmp_path / "silver" / "users" / "_delta_log"
    log.mkdir(parents=True)
    for name in left:
        (log / name).mkdir() if name.endswith("/") else (log / name).write_text("{")
    assert not SparkLakehouse(str(tmp_path), spark).exists(SILVER_USERS)
    SparkLakehouse(str(tmp_path), spark).ensure(SILVER_USERS)
    assert SparkLakehouse(str(tmp_path), spark).version(SILVER_USERS) == 0
    assert SparkLakehouse(str(tmp_path), spark).read(SILVER_USERS).schema.names == SILVER_USERS.schema.names


@pytest.mark.parametrize("emptied", [False, True], ids=["no log", "an empty log"])
def test_a_table_that_lost_its_log_is_not_recreated(spark: SparkSession, tmp_path: Path, emptied: bool) -> None:
    """Its files stay, and with its log it is a table again."""
    root, table = str(tmp_path), tmp_path / "silver" / "users"
    lake = SparkLakehouse(root, spark)
    lake.ensure(SILVER_USERS)
    (table / "part-0.parquet").write_bytes(b"rows")
    (table / "_delta_log").rename(tmp_path / "log")
    if emptied:
        (table / "_delta_log").mkdir()
    forget_tables()
    held = sorted(table.rglob("*"))
    with pytest.raises(TableError) as error:
        lake.ensure(SILVER_USERS)
    assert str(error.value).startswith(
        f"{table} is where silver.users belongs, but it is not a Delta table and holds part-0.parquet; "
    )
    assert sorted(table.rglob("*")) == held
    (tmp_path / "log").rename(table / "_delta_log")
    forget_tables()
    lake.ensure(SILVER_USERS)
    assert lake.version(SILVER_USERS) == 0


def test_the_second_run_of_a_stream_refuses_at_once(spark: SparkSession, settings: Settings) -> None:
    """Whoever holds the lock, in any process: here it is this one."""
    for stream, start in (
        ("bronze", lambda: ingest(spark, settings, configured_cluster(settings.kafka))),
        ("silver", lambda: refine(spark, settings)),
    ):
        with only_run(settings.ops_dir, stream), pytest.raises(RunningError) as error:
            start()
        assert str(error.value) == (
            f"{stream} is already running, in process {os.getpid()}; wait for it to end, or stop that process"
        )
