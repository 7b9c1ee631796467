"""Bad conditions: a clear line or a quarantined row, the rest goes on, and nothing is lost."""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from kafka import KafkaProducer
from py4j.protocol import Py4JNetworkError
from pyspark.sql import SparkSession

from bronze.ingest import ingest
from lakehouse import storage
from lakehouse.commands.audit import audit
from lakehouse.errors import TableError
from lakehouse.kafka_client import configured_cluster
from lakehouse.locks import RunningError, only_run
from lakehouse.session import is_lost_connection
from lakehouse.settings import Settings, conf_dir
from lakehouse.streams import StreamError
from lakehouse.tables import BRONZE_EVENTS, BRONZE_FEEDBACK, SILVER_BATCHES, SILVER_QUARANTINE, SILVER_USERS
from lakehouse.topics import ensure_topics
from producers.delivery import publish
from producers.entities import user_records
from producers.records import Record, encode
from silver.refine import refine
from tests.support.delta_cache import forget_tables
from tests.support.processes import TIMEOUT, environment
from tests.support.records import USER

# Kafka's default for the largest record batch a broker takes (message.max.bytes).
BROKER_LIMIT = 1_048_588
# More than the largest jar, which Spark copies when it starts.
FILE_LIMIT = 40_000_000
# Of 1 MB each. What reads them all at once needs twice their size for a moment, which no driver has.
WIDE_RECORDS = 800


def faults(spark: SparkSession, settings: Settings) -> list[str]:
    return audit(spark, settings, configured_cluster(settings.kafka))[2]


def send(settings: Settings, *values: bytes) -> int:
    """Send each value, and return how many were delivered."""
    cluster = configured_cluster(settings.kafka)
    ensure_topics(cluster, settings.kafka.topics, **settings.kafka.new_topics)
    records = [Record(b"k", value, None) for value in values]
    return publish(records, topic=settings.kafka.users_topic, cluster=cluster).delivered


def wide_user(size: int, id_: str) -> bytes:
    """A user whose record has just that many bytes, of text that does not compress to nothing."""
    name = os.urandom(size).hex()
    fields = USER | {"id": id_, "nombre_usuario": ""}
    return encode(fields | {"nombre_usuario": name[: size - len(encode(fields))]})


def test_large_records_and_many_dead_ones(spark: SparkSession, settings: Settings) -> None:
    """900 KB, the largest that the broker takes, and 2,000 dead records, all in one batch."""
    cluster = configured_cluster(settings.kafka)
    assert send(settings, wide_user(900_000, "wide"), b"{", *[b"no JSON"] * 1_999) == 2_001
    limit = wide_user(BROKER_LIMIT - 88, "limit")  # the batch around one record has a header of some 80 bytes
    producer = KafkaProducer(**cluster.client_options(), max_request_size=2 * BROKER_LIMIT)
    producer.send(settings.kafka.users_topic, limit).get(timeout=20)
    producer.close()
    ingest(spark, settings, cluster)
    refine(spark, settings)
    root = settings.root
    lengths = storage.read(spark, root, BRONZE_EVENTS).selectExpr("max(length(value))").collect()
    assert lengths[0][0] == len(limit)
    names = storage.read(spark, root, SILVER_USERS).selectExpr("id", "length(nombre_usuario) > 800000").collect()
    assert sorted(tuple(row) for row in names) == [("limit", True), ("wide", True)]
    assert storage.read(spark, root, SILVER_QUARANTINE).count() == 2_000
    batches = storage.read(spark, root, SILVER_BATCHES).select("rows_in", "applied", "quarantined").collect()
    assert [tuple(row) for row in batches] == [(2_002, 2, 2_000)]
    assert faults(spark, settings) == []


def test_many_large_records_in_one_file_fit_the_memory_of_a_driver(
    spark: SparkSession, settings: Settings, tmp_path: Path
) -> None:
    """With the shipped settings. Without one of them its JVM ends: that is one line, and loses nothing."""
    wide = {**USER, "id": "<id>", "nombre_usuario": "<name>"}
    start, middle, end = re.split("<id>|<name>", json.dumps(wide))
    for table in (BRONZE_EVENTS, BRONZE_FEEDBACK):
        storage.ensure(spark, settings.root, table)
    columns = (
        "'users' AS topic",
        "0 AS partition",
        "id AS offset",
        "now() AS kafka_timestamp",
        "now() AS ingested_at",
    )
    value = f"concat('{start}u', id, '{middle}', repeat('x', 1000000), '{end}') AS value"
    rows = spark.range(WIDE_RECORDS).selectExpr(*columns, value)
    empty = storage.read(spark, settings.root, BRONZE_EVENTS)
    storage.append(empty.unionByName(rows, allowMissingColumns=True).coalesce(1), settings.root, BRONZE_EVENTS)
    shutil.copytree(conf_dir(), tmp_path / "conf")
    with (tmp_path / "conf" / "spark-defaults.conf").open("a") as defaults:
        defaults.write("spark.sql.parquet.columnarReaderBatchSize 4096\n")  # Spark's own
    code, said = drive(settings, "silver.refine", tmp_path / "4096.log", LAKEHOUSE_CONF=str(tmp_path / "conf"))
    assert code == 2, said[-3000:]
    # the thread that the JVM called for the micro-batch may tell of its own end later
    assert [line for line in said.splitlines() if line.startswith("lakehouse:")] == [
        "lakehouse: Spark's JVM ran out of memory and has ended, with spark.driver.memory = 1500m; "
        f"give it more in {tmp_path}/conf/spark-defaults.conf; what was committed is there"
    ]
    code, said = drive(settings, "silver.refine", tmp_path / "shipped.log")
    assert code == 0, said[-3000:]
    found = storage.read(spark, settings.root, SILVER_USERS).selectExpr("count(*)", "min(length(nombre_usuario))")
    assert [tuple(row) for row in found.collect()] == [(WIDE_RECORDS, 1_000_000)]


KILLED = """
import os, signal, sys
from lakehouse.errors import run_guarded
from lakehouse.session import spark_session

def main():
    with spark_session("killed") as spark:
        os.kill(spark.sparkContext._gateway.proc.pid, signal.SIGKILL)
        spark.range(1).count()

sys.exit(run_guarded(main))
"""


def test_the_end_of_sparks_jvm_is_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED], capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1] == (
        "lakehouse: Spark's JVM has ended by signal 9 (no person sent it? the machine is out of memory); "
        "what was committed is there"
    )


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (ConnectionRefusedError(), True),
        (Py4JNetworkError("Answer from Java side is empty"), True),
        (BrokenPipeError(), False),  # of `lakehouse sql ... | head`
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
    assert storage.read(spark, settings.root, SILVER_USERS).count() == 20
    assert faults(spark, settings) == []


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
    assert not storage.exists(spark, str(tmp_path), SILVER_USERS)
    storage.ensure(spark, str(tmp_path), SILVER_USERS)
    assert storage.latest_version(spark, str(tmp_path), SILVER_USERS) == 0
    assert storage.read(spark, str(tmp_path), SILVER_USERS).schema.names == SILVER_USERS.schema.names


@pytest.mark.parametrize("emptied", [False, True], ids=["no log", "an empty log"])
def test_a_table_that_lost_its_log_is_not_made_anew(spark: SparkSession, tmp_path: Path, emptied: bool) -> None:
    """What is there stays, and it is a table again with its log."""
    root, table = str(tmp_path), tmp_path / "silver" / "users"
    storage.ensure(spark, root, SILVER_USERS)
    (table / "part-0.parquet").write_bytes(b"rows")
    (table / "_delta_log").rename(tmp_path / "log")
    if emptied:
        (table / "_delta_log").mkdir()
    forget_tables()
    held = sorted(table.rglob("*"))
    with pytest.raises(TableError) as error:
        storage.ensure(spark, root, SILVER_USERS)
    assert str(error.value).startswith(
        f"{table} is to become silver.users, and it is no Delta table but not empty: it holds part-0.parquet; "
    )
    assert sorted(table.rglob("*")) == held
    (tmp_path / "log").rename(table / "_delta_log")
    forget_tables()
    storage.ensure(spark, root, SILVER_USERS)
    assert storage.latest_version(spark, root, SILVER_USERS) == 0


def test_the_second_run_of_a_stream_refuses_at_once(spark: SparkSession, settings: Settings) -> None:
    """Whoever holds the lock, in whatever process: here it is this one."""
    for stream, start in (
        ("bronze", lambda: ingest(spark, settings, configured_cluster(settings.kafka))),
        ("silver", lambda: refine(spark, settings)),
    ):
        with only_run(settings.ops_dir, stream), pytest.raises(RunningError) as error:
            start()
        assert str(error.value) == (
            f"{stream} is running already, in process {os.getpid()}; wait for its end, or stop that process"
        )


def drive(
    settings: Settings, module: str, log: Path, *, limits: Callable[[], None] | None = None, **variables: str
) -> tuple[int, str]:
    """Run a real driver to its end; its exit code and all that it said."""
    with log.open("wb") as output:
        code = subprocess.run(
            [sys.executable, "-m", module],
            env={**environment(settings), **variables},
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=limits,
            timeout=TIMEOUT,
            check=False,
        ).returncode
    return code, log.read_text(encoding="utf-8", errors="replace")


def limit_files() -> None:
    """Files of this process end there: what it writes beyond is refused, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_LIMIT, FILE_LIMIT))


def test_a_full_disk_is_one_line_and_nothing_is_lost(
    spark: SparkSession, settings: Settings, tmp_path: Path
) -> None:
    """The real driver cannot write its data; when it can, it goes on where it was."""
    sent = [wide_user(900_000, f"u{number}") for number in range(60)]
    assert send(settings, *sent) == len(sent)  # of one key, and so in one partition and one file
    log = tmp_path / "driver.log"
    code, said = drive(settings, "bronze.ingest", log, limits=limit_files, SPARK_LOCAL_DIRS=str(tmp_path))
    assert code == 2, said[-3000:]
    line = said.splitlines()[-1]
    assert re.match(r"lakehouse: stream bronze.events stopped: .*File too large", line), line
    assert "Traceback" not in said
    ingest(spark, settings, configured_cluster(settings.kafka))
    assert storage.read(spark, settings.root, BRONZE_EVENTS).count() == len(sent)
    assert faults(spark, settings) == []
