"""What a log shows without Spark, compared with what Spark itself reads; and how far each layer is behind."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from delta.tables import DeltaTable
from pyspark.sql import SparkSession

from bronze.ingest import ingest
from lakehouse.errors import InputError, TableError
from lakehouse.folders import open_folder
from lakehouse.history.backlog import SilverBacklog, input_backlog, latest_lineage, silver_backlog
from lakehouse.history.commits import commit, lineage_of
from lakehouse.history.snapshots import read_snapshot
from lakehouse.kafka.client import configured_cluster
from lakehouse.kafka.topics import ensure_topics
from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import (
    BRONZE_EVENTS,
    BRONZE_FEEDBACK,
    CATALOGUE,
    GOLD_POWERBI,
    SILVER_FEEDBACK,
    SILVER_USERS,
)
from operations.commands import status
from operations.commands.status import Status, look
from producers.made_up.entities import user_records
from producers.sending.delivery import publish
from producers.sending.records import Record
from silver.refine import refine
from tests.support.outcome import Command
from tests.support.records import USER, bronze_row, land


def write(spark: SparkSession, root: Path, first: int, last: int) -> None:
    rows = spark.range(first, last, numPartitions=1).withColumnRenamed("id", "number")
    rows.write.format("delta").mode("append").save(str(root / "silver" / "users"))


def delta(spark: SparkSession, root: Path) -> DeltaTable:
    return DeltaTable.forPath(spark, str(root / "silver" / "users"))


def require_truth(spark: SparkSession, lake: Lakehouse) -> None:
    """Compare every version in the log with Spark's counts, and the last one with Delta's own detail."""
    path = lake.path(SILVER_USERS)
    for version in lake.versions(SILVER_USERS):
        rows = spark.read.format("delta").option("versionAsOf", version).load(path)
        assert read_snapshot(lake, SILVER_USERS, version).rows == rows.count()
    detail = DeltaTable.forPath(spark, path).detail().select("numFiles", "sizeInBytes").collect()[0]
    assert read_snapshot(lake, SILVER_USERS)[2:] == tuple(detail)


def test_a_log_of_appends_deletes_and_a_checkpoint_has_what_spark_reads(
    spark: SparkSession, tmp_path: Path
) -> None:
    lake = Lakehouse(tmp_path)
    write(spark, tmp_path, 0, 10)
    spark.sql(f"ALTER TABLE delta.`{tmp_path}/silver/users` SET TBLPROPERTIES ('delta.checkpointInterval' = '3')")
    write(spark, tmp_path, 10, 15)
    delta(spark, tmp_path).delete("number < 3")  # rewrites one file
    write(spark, tmp_path, 20, 21)
    delta(spark, tmp_path).delete("number >= 20")  # removes one file
    log = Path(lake.path(SILVER_USERS)) / "_delta_log"
    assert list(log.glob("*.checkpoint.parquet"))
    require_truth(spark, lake)
    assert read_snapshot(lake, SILVER_USERS).rows == 12
    # the log is cleaned up to the checkpoint: the rest is enough for later versions
    for version in range(3):
        (log / f"{version:020d}.json").unlink()
    assert read_snapshot(lake, SILVER_USERS).rows == 12
    with pytest.raises(TableError, match=r"silver.users has no version 1; it has 3 to 5"):
        read_snapshot(lake, SILVER_USERS, 1)


def test_rows_behind_a_deletion_vector_are_not_counted(spark: SparkSession, tmp_path: Path) -> None:
    lake = Lakehouse(tmp_path)
    write(spark, tmp_path, 0, 100)
    properties = "'delta.enableDeletionVectors' = 'true', 'delta.checkpointInterval' = '3'"
    spark.sql(f"ALTER TABLE delta.`{tmp_path}/silver/users` SET TBLPROPERTIES ({properties})")
    delta(spark, tmp_path).delete("number = 1")
    delta(spark, tmp_path).delete("number IN (2, 3)")  # the same file gets a new vector
    require_truth(spark, lake)
    write(spark, tmp_path, 100, 101)
    assert read_snapshot(lake, SILVER_USERS)[:3] == (4, 98, 2)


def test_a_root_without_a_client_is_one_line() -> None:
    with pytest.raises(InputError, match=r"pyarrow cannot read ftp://host/lake"):
        open_folder("ftp://host/lake")


def send(settings: Settings, count: int, *, at: datetime | None = None) -> None:
    """Send users, with records timestamped now or earlier."""
    cluster = configured_cluster(settings.kafka)
    ensure_topics(cluster, settings.kafka.topics, **settings.kafka.new_topics)
    stamp = None if at is None else round(at.timestamp() * 1000)
    records = (Record(one.key, one.value, stamp) for one in user_records(1, count))
    publish(records, topic=settings.kafka.users_topic, cluster=cluster).require_complete("users")


def states(found: Status) -> dict[str, tuple[int | None, int | None]]:
    return {state.table: (state.version, state.rows) for state in found.tables}


def test_what_waits_before_each_layer(spark: SparkSession, settings: Settings) -> None:
    cluster = configured_cluster(settings.kafka)
    root, kafka = settings.root, settings.kafka
    empty = look(root, kafka)
    assert set(states(empty).values()) == {(None, None)}
    assert empty.silver == (0, 0, 0.0, "")
    assert empty.kafka == kafka.bootstrap_servers

    send(settings, 20, at=datetime.now(UTC) - timedelta(hours=1))
    waiting = look(root, kafka)
    assert waiting.bronze["bronze.events"].records == 20
    assert waiting.bronze["bronze.events"].seconds == pytest.approx(3600, abs=60)
    assert waiting.bronze["bronze.feedback"] == (0, 0.0, "")

    ingest(spark, settings, cluster)
    landed = look(root, kafka)
    assert states(landed)["bronze.events"] == (1, 20)
    assert landed.bronze["bronze.events"] == (0, 0.0, "")
    assert (landed.silver.versions, landed.silver.rows) == (1, 20)

    refine(spark, settings)
    send(settings, 5)
    refined = look(root, kafka)
    assert refined.silver == (0, 0, 0.0, "")
    assert refined.bronze["bronze.events"].records == 5
    lake = SparkLakehouse(root, spark)
    for table in CATALOGUE:
        if table.layer in ("bronze", "silver"):
            state = states(refined)[table.sql_name]
            assert state == (
                lake.version(table),
                lake.read(table).count(),
            )

    # a commit without rows is nothing to wait for
    lake.set_properties(BRONZE_EVENTS, {"lakehouse.test": "1"})
    assert look(root, kafka).silver == (0, 0, 0.0, "")


def test_a_lost_checkpoint_is_said(spark: SparkSession, settings: Settings) -> None:
    send(settings, 5)
    ingest(spark, settings, configured_cluster(settings.kafka))
    refine(spark, settings)
    shutil.rmtree(Path(settings.root, "checkpoints"))
    found = look(settings.root, settings.kafka)
    assert found.bronze["bronze.events"].unknown.startswith("the checkpoint is gone")
    assert found.silver == SilverBacklog(None, None, None, "the checkpoint is gone: lakehouse rebuild silver")
    # nothing was ever read into this table: it starts at the beginning
    assert found.bronze[BRONZE_FEEDBACK.sql_name] == (0, 0.0, "")


def test_what_gold_was_made_from_is_followed_through_other_commits_and_restores(
    spark: SparkSession, tmp_path: Path
) -> None:
    root, lake = str(tmp_path), Lakehouse(tmp_path)
    by_spark = SparkLakehouse(root, spark)
    for version in range(3):  # silver.feedback: its creation, and two commits that change nothing
        by_spark.ensure(SILVER_FEEDBACK)
        if version:
            by_spark.set_properties(SILVER_FEEDBACK, {"lakehouse.test": str(version)})
    rows = spark.createDataFrame([("u1", "m1", "Uno", 4.0)], GOLD_POWERBI.schema)
    by_spark.ensure(GOLD_POWERBI)
    assert input_backlog(lake, GOLD_POWERBI) is None
    by_spark.overwrite(rows, GOLD_POWERBI, input_versions={"silver.feedback": 0})  # version 1
    assert input_backlog(lake, GOLD_POWERBI) == {"silver.feedback": 2}
    by_spark.overwrite(rows, GOLD_POWERBI, input_versions={"silver.feedback": 2})  # version 2
    by_spark.set_properties(GOLD_POWERBI, {"lakehouse.test": "1"})  # version 3
    assert input_backlog(lake, GOLD_POWERBI) == {}
    by_spark.delta_table(GOLD_POWERBI).restoreToVersion(1)  # version 4
    assert latest_lineage(lake, GOLD_POWERBI) == {"silver.feedback": 0}
    recorded = [lineage_of(lake, GOLD_POWERBI, version) for version in range(5)]
    assert recorded == [None, *[{"silver.feedback": version} for version in (0, 2, 2, 0)]]


def test_silver_waits_for_the_oldest_version_that_it_lacks(spark: SparkSession, settings: Settings) -> None:
    cluster = configured_cluster(settings.kafka)
    for count in (3, 4):
        send(settings, count)
        ingest(spark, settings, cluster)
    lake = Lakehouse(settings.root)
    first = commit(lake, BRONZE_EVENTS, 1)
    assert first is not None
    assert first.written_at is not None
    found = silver_backlog(lake, now=first.written_at + timedelta(minutes=1))
    assert found == (2, 7, 60.0, "")


@pytest.fixture(scope="module")
def refined(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Silver has taken both versions of bronze.events, with 3 and 4 records. Read-only."""
    root = tmp_path_factory.mktemp("refined") / "lakehouse"
    for count in (3, 4):
        land(str(root), BRONZE_EVENTS, [bronze_row(USER | {"id": f"u{number}"}) for number in range(count)])
    land(str(root), BRONZE_FEEDBACK, [])
    refine(spark, load_settings().model_copy(update={"root": str(root)}))
    return root


@pytest.mark.parametrize(
    ("index", "is_first_state", "waiting"), [(-1, False, (1, 4)), (0, False, (1, 4)), (0, True, (2, 7))]
)
def test_a_version_that_silver_has_taken_in_part_waits(
    refined: Path, tmp_path: Path, index: int, is_first_state: bool, waiting: tuple[int, int]
) -> None:
    """Delta's source stops inside a version if the batch would become too large."""
    root = shutil.copytree(refined, tmp_path / "lakehouse")
    offsets = Path(root, "checkpoints", "silver", "offsets")
    last = max(offsets.iterdir(), key=lambda path: int(path.name) if path.name.isdigit() else -1)
    lines = last.read_text().splitlines()
    partly = json.loads(lines[2]) | {"reservoirVersion": 2, "index": index, "isStartingVersion": is_first_state}
    last.write_text("\n".join([*lines[:2], json.dumps(partly), *lines[3:]]))
    found = silver_backlog(Lakehouse(root), now=datetime.now(UTC))
    assert (found.versions, found.rows) == waiting


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0 s ago"),
        (119, "119 s ago"),
        (120, "2 min ago"),
        (7_199, "119 min ago"),
        (7_200, "2 h ago"),
        (172_800, "2 days ago"),
    ],
)
def test_ages_are_shown_in_units(seconds: int, text: str) -> None:
    assert status.ago(timedelta(seconds=seconds)) == text


def test_the_table_of_a_person_names_every_table(
    spark: SparkSession, settings: Settings, command: Command
) -> None:
    SparkLakehouse(settings.root, spark).ensure(SILVER_USERS)
    outcome = command("status", settings=settings)
    assert outcome.code == 0
    assert settings.root in outcome.out
    for table in CATALOGUE:
        assert table.sql_name in outcome.out
