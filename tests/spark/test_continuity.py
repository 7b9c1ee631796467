"""A checkpoint, table, topic or source is reset, restored, recreated, truncated or replaced; the rest is not.

Each case either continues correctly, or stops with one line that names the cause and the repair command.
"""

import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from deltalake import DeltaTable
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from bronze import start
from bronze.ingest import ingest
from bronze.resume import Topics
from lakehouse.folders import open_folder
from lakehouse.history.damage import DamageError
from lakehouse.kafka.bronze_sources import bronze_sources
from lakehouse.kafka.client import Cluster, configured_cluster
from lakehouse.kafka.topics import ensure_topics
from lakehouse.rebuilding import require_no_rebuild, staging_of, swap_in
from lakehouse.settings import KafkaSettings, Settings, load_settings
from lakehouse.spark.checkpoints import CheckpointError, read_checkpoint
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import BRONZE_EVENTS, BRONZE_FEEDBACK, SILVER_BATCHES, SILVER_USERS, layer_tables
from operations.commands.audit import audit
from producers.made_up.activity import feedback_records
from producers.made_up.entities import movie_records, series_records, user_records
from producers.sending.delivery import publish
from silver.continuity import require_continuity
from silver.refine import STREAM, refine
from tests.support.damaged import go_on, repair
from tests.support.outcome import Command
from tests.support.sending import run_both, send_all
from tests.support.tables import contents

TIMEOUT = 20.0
EVENTS_STREAM = "bronze/events"
REBUILD_SILVER = "lakehouse rebuild silver builds both again from bronze"
REBUILD_BRONZE = "lakehouse rebuild bronze resumes the stream after the rows of the table"


class Base(NamedTuple):
    """A lakehouse after two batches of both streams, and a copy of it after the first."""

    settings: Settings
    first: Path


def send(settings: Settings, seed: int) -> None:
    kafka = settings.kafka
    send_all(
        kafka,
        (kafka.users_topic, user_records(seed, 20, dirty=0.2)),
        (kafka.movies_topic, movie_records(seed, 20, dirty=0.2)),
        (kafka.series_topic, series_records(seed, 10)),
        (kafka.feedback_topic, feedback_records(seed, 30, users=20, movies=20, series=10, dirty=0.2)),
    )


@pytest.fixture(scope="module")
def base(spark: SparkSession, broker: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Base:
    folder = tmp_path_factory.mktemp("continuity")
    names = {f"{kind}_topic": f"continuity-{kind}" for kind in ("users", "movies", "series", "feedback")}
    kafka = KafkaSettings.model_validate(
        {**load_settings().kafka.model_dump(), "bootstrap_servers": broker.bootstrap, **names}
    )
    settings = load_settings().model_copy(update={"root": str(folder / "lakehouse"), "kafka": kafka})
    send(settings, seed=1)
    run_both(spark, settings)
    first = Path(shutil.copytree(settings.root, folder / "first"))
    send(settings, seed=2)
    run_both(spark, settings)
    return Base(settings, first)


@pytest.fixture
def copied(base: Base, tmp_path: Path) -> Settings:
    """A copy of the lakehouse for one test."""
    root = Path(shutil.copytree(base.settings.root, tmp_path / "lakehouse"))
    return base.settings.model_copy(update={"root": str(root)})


def topics(settings: Settings) -> Topics:
    kafka = settings.kafka
    return start.describe_topics(configured_cluster(kafka), kafka.topics, timeout_seconds=TIMEOUT)


def prepare(spark: SparkSession, settings: Settings, found: Topics | None = None) -> str:
    source = bronze_sources(settings.kafka)[0]
    return start.prepare(
        SparkLakehouse(settings.root, spark),
        source,
        found or topics(settings),
        keep_days=settings.bronze.keep_days,
    )


def put_back(base: Base, settings: Settings, folder: str) -> None:
    """Replace a folder with its content after the first batch."""
    shutil.rmtree(Path(settings.root, folder))
    shutil.copytree(base.first / folder, Path(settings.root, folder))


def remove(settings: Settings, folder: str) -> None:
    shutil.rmtree(Path(settings.root, folder))


def damage(settings: Settings, file: str) -> None:
    Path(settings.root, file).write_text("v1\nno JSON\nno JSON\nno JSON\n", encoding="utf-8")


def recreate(spark: SparkSession, settings: Settings) -> None:
    remove(settings, "bronze/events")
    SparkLakehouse(settings.root, spark).ensure(BRONZE_EVENTS)


def swap_checkpoints(settings: Settings) -> None:
    folder = Path(settings.root, "checkpoints", "bronze")
    shutil.rmtree(folder / "events")
    shutil.copytree(folder / "feedback", folder / "events")


def sql(spark: SparkSession, settings: Settings, statement: str, table: str) -> None:
    spark.sql(statement.format(f"delta.`{settings.root}/{table}`")).collect()


Change = Callable[[SparkSession, Base, Settings], object]

BRONZE_STOPS: dict[str, tuple[Change, str, str]] = {
    "the checkpoint is an old copy": (
        lambda _, base, settings: put_back(base, settings, "checkpoints/bronze/events"),
        "the checkpoint is an old copy: it has 0 batches, the table has 1",
        REBUILD_BRONZE,
    ),
    "the table is an old copy": (
        lambda _, base, settings: put_back(base, settings, "bronze/events"),
        "the table is an old copy: it has batch 0, the checkpoint has batch 1",
        REBUILD_BRONZE,
    ),
    "the table is deleted": (
        lambda _, __, settings: remove(settings, "bronze/events"),
        "the table is gone, but its checkpoint is not",
        REBUILD_BRONZE,
    ),
    "the table was recreated": (
        lambda spark, _, settings: recreate(spark, settings),
        "the checkpoint completed batch 1, which the table does not contain",
        REBUILD_BRONZE,
    ),
    "the checkpoint is another stream's": (
        lambda _, __, settings: swap_checkpoints(settings),
        "the checkpoint belongs to another stream",
        REBUILD_BRONZE,
    ),
    # Delta allows this on an append-only table too
    "the table is restored": (
        lambda spark, _, settings: sql(spark, settings, "RESTORE TABLE {} TO VERSION AS OF 1", "bronze/events"),
        "version 3 of the table was written by RESTORE",
        REBUILD_BRONZE,
    ),
    "the checkpoint is damaged": (
        lambda _, __, settings: damage(settings, "checkpoints/bronze/events/offsets/1"),
        "offsets/1 is damaged",
        "lakehouse rebuild bronze",
    ),
    "the checkpoint has lost who it is": (
        lambda _, __, settings: Path(settings.root, "checkpoints/bronze/events/metadata").unlink(),
        "metadata is damaged",
        "lakehouse rebuild bronze",
    ),
}


@pytest.mark.parametrize("name", BRONZE_STOPS)
def test_bronze_stops(spark: SparkSession, base: Base, copied: Settings, name: str) -> None:
    change, cause, todo = BRONZE_STOPS[name]
    change(spark, base, copied)
    with pytest.raises(CheckpointError) as error:
        prepare(spark, copied)
    assert cause in error.value.problem
    assert todo in error.value.todo
    assert "\n" not in str(error.value)


def test_bronze_goes_on_after_maintenance(spark: SparkSession, copied: Settings) -> None:
    lake = SparkLakehouse(copied.root, spark)
    held = lake.read(BRONZE_EVENTS).count()
    sql(spark, copied, "OPTIMIZE {}", "bronze/events")
    prepare(spark, copied)
    ingest(spark, copied, configured_cluster(copied.kafka))
    assert lake.read(BRONZE_EVENTS).count() == held


def test_bronze_starts_again_after_it_got_a_column_and_no_new_record(
    spark: SparkSession, copied: Settings
) -> None:
    """A later contract has one more nullable column: the first start adds it, the second sees that commit."""
    lake = SparkLakehouse(copied.root, spark)
    schema = StructType([*BRONZE_EVENTS.schema, StructField("note", StringType())])
    source = bronze_sources(copied.kafka)[0]
    later = source._replace(table=replace(source.table, schema=schema))
    found = topics(copied)
    for _ in range(2):
        start.prepare(lake, later, found, keep_days=0)
    assert lake.read(later.table).columns == later.table.columns


def test_another_topic_of_the_same_name(spark: SparkSession, copied: Settings) -> None:
    found = topics(copied)
    anew = found._replace(ids={**found.ids, copied.kafka.users_topic: "another-id"})
    with pytest.raises(CheckpointError, match=r"continuity-users is not the one .*its offsets start over; give"):
        prepare(spark, copied, anew)


@pytest.mark.parametrize(
    ("kept", "problem"),
    [
        ((0, 3), r"has read continuity-users-0 up to offset \d+, but Kafka has it only up to 2"),
        ((900, 910), r"Kafka dropped records \d+ to 899 of continuity-users-0 before bronze.events read"),
    ],
)
def test_what_kafka_no_longer_has(
    spark: SparkSession, copied: Settings, kept: tuple[int, int], problem: str
) -> None:
    found = topics(copied)
    part = (copied.kafka.users_topic, 0)
    with pytest.raises(CheckpointError, match=problem):
        prepare(spark, copied, found._replace(offsets={**found.offsets, part: kept}))


def test_a_topic_that_the_settings_no_longer_name(spark: SparkSession, copied: Settings) -> None:
    kafka = copied.kafka.model_copy(update={"users_topic": copied.kafka.feedback_topic})
    with pytest.raises(
        CheckpointError, match=r"events reads continuity-users, which the .* no longer assign .*rebuild bronze"
    ):
        prepare(spark, copied.model_copy(update={"kafka": kafka}), topics(copied))


def test_a_fifth_topic_is_read_from_its_start(spark: SparkSession, copied: Settings) -> None:
    """Both streams go on in their checkpoints; the second time there is nothing new."""
    kafka = copied.kafka.model_copy(update={"more_topics": ("continuity-more",)})
    later, cluster = copied.model_copy(update={"kafka": kafka}), configured_cluster(copied.kafka)
    ensure_topics(cluster, kafka.topics, **kafka.new_topics)
    publish(movie_records(3, 12), topic="continuity-more", cluster=cluster).require_complete("continuity-more")
    lake = SparkLakehouse(copied.root, spark)
    before = contents(copied.root, BRONZE_EVENTS)
    for _ in range(2):
        run_both(spark, later)
        added = lake.read(BRONZE_EVENTS).filter("topic = 'continuity-more'")
        assert added.count() == added.select("partition", "offset").distinct().count() == 12
        assert set(before) < set(contents(copied.root, BRONZE_EVENTS))
    assert audit(later, cluster)[2] == []
    batches = lake.read(SILVER_BATCHES).select("batch_id", "query_id").orderBy("batch_id").collect()
    assert [row["batch_id"] for row in batches] == [0, 1, 2]
    assert len({row["query_id"] for row in batches}) == 1


def test_without_its_checkpoint_bronze_goes_on_behind_its_rows(spark: SparkSession, copied: Settings) -> None:
    """The table is the source of truth: no record lands twice, and later ones land."""
    lake = SparkLakehouse(copied.root, spark)
    remove(copied, "checkpoints/bronze")
    held = lake.read(BRONZE_EVENTS).count()
    ingest(spark, copied, configured_cluster(copied.kafka))
    rows = lake.read(BRONZE_EVENTS)
    assert rows.count() == held == rows.select("topic", "partition", "offset").distinct().count()
    refine(spark, copied)
    assert audit(copied, configured_cluster(copied.kafka))[2] == []


def test_a_loss_in_kafka_stops_bronze_until_it_is_accepted(spark: SparkSession, settings: Settings) -> None:
    lake = SparkLakehouse(settings.root, spark)
    kafka, cluster = settings.kafka, configured_cluster(settings.kafka)
    ensure_topics(cluster, kafka.topics, **kafka.new_topics | {"partitions": 1})
    publish(user_records(1, 10), topic=kafka.users_topic, cluster=cluster)
    ingest(spark, settings, cluster)
    publish(user_records(2, 10), topic=kafka.users_topic, cluster=cluster)
    client = KafkaAdminClient(**cluster.client_options())
    client.delete_records({TopicPartition(kafka.users_topic, 0): 15})
    client.close()
    with pytest.raises(CheckpointError, match=r"dropped records 10 to 14 .*rebuild bronze --accept-loss"):
        ingest(spark, settings, cluster)
    lines = list(start.rebuild_checkpoints(lake, settings.kafka, cluster, stamp="s", accept_loss=True))
    assert any("accepted as lost" in line and "10-14" in line for line in lines)
    ingest(spark, settings, cluster)
    offsets = lake.read(BRONZE_EVENTS).select("offset").orderBy("offset").collect()
    assert [row["offset"] for row in offsets] == [*range(10), *range(15, 20)]
    partitions, _, faults = audit(settings, cluster)
    assert faults == []
    assert {found.topic: found.expired for found in partitions if found.expired} == {kafka.users_topic: 5}


SILVER_STOPS: dict[str, tuple[Change, str]] = {
    "the checkpoint is deleted": (
        lambda _, __, settings: remove(settings, "checkpoints/silver"),
        "hold rows, but the checkpoint is gone",
    ),
    "the checkpoint is an old copy": (
        lambda _, base, settings: put_back(base, settings, "checkpoints/silver"),
        "the checkpoint is an old copy: it has 1 batches, silver has 2",
    ),
    "the tables are old copies": (
        lambda _, base, settings: put_back(base, settings, "silver"),
        "silver is an old copy: it has 1 batches, the checkpoint has 2",
    ),
    "one table is an old copy": (
        lambda _, base, settings: put_back(base, settings, "silver/users"),
        "silver.users is at version 1, but version 2 was written",
    ),
    "a table is deleted": (
        lambda _, __, settings: remove(settings, "silver/users"),
        "silver.users is gone, but the checkpoint is not",
    ),
    "a table is restored": (
        lambda spark, _, settings: sql(spark, settings, "RESTORE TABLE {} TO VERSION AS OF 1", "silver/users"),
        "version 3 of silver.users was written by RESTORE",
    ),
    "somebody deletes rows": (
        lambda spark, _, settings: sql(spark, settings, "DELETE FROM {} WHERE id > 'u'", "silver/users"),
        "version 3 of silver.users was written by DELETE",
    ),
    "bronze was recreated": (
        lambda spark, _, settings: recreate(spark, settings),
        "bronze.events was deleted and recreated since silver read it",
    ),
    "bronze is an old copy": (
        lambda _, base, settings: put_back(base, settings, "bronze/events"),
        "silver has read bronze.events to version 2, but it ends at 1",
    ),
}


@pytest.mark.parametrize("name", SILVER_STOPS)
def test_silver_stops(spark: SparkSession, base: Base, copied: Settings, name: str) -> None:
    change, cause = SILVER_STOPS[name]
    change(spark, base, copied)
    with pytest.raises(CheckpointError) as error:
        require_continuity(
            SparkLakehouse(copied.root, spark),
            read_checkpoint(open_folder(copied.root), STREAM),
        )
    assert cause in error.value.problem
    assert error.value.todo == REBUILD_SILVER
    assert "\n" not in str(error.value)


def test_silver_goes_on_after_maintenance(spark: SparkSession, copied: Settings) -> None:
    sql(spark, copied, "OPTIMIZE {}", "silver/users")
    checkpoint = read_checkpoint(open_folder(copied.root), STREAM)
    require_continuity(SparkLakehouse(copied.root, spark), checkpoint)


def state(root: str) -> dict[str, list[str]]:
    """Every row of silver's state, without write times."""
    tables = [table for table in layer_tables("silver") if table != SILVER_BATCHES]
    return {table.name: contents(root, table, "quarantined_at") for table in tables}


def rebuild(spark: SparkSession, settings: Settings, stamp: str) -> None:
    lake = SparkLakehouse(settings.root, spark)
    refine(spark, settings, target=staging_of(lake, stamp).root)
    swap_in(lake, stamp)


def test_a_rebuilt_silver_is_the_incremental_one(spark: SparkSession, copied: Settings) -> None:
    """Whatever happened to silver, its rebuild matches bronze, and the stream resumes from there."""
    lake = SparkLakehouse(copied.root, spark)
    before = state(copied.root)
    sql(spark, copied, "DELETE FROM {} WHERE id > 'u'", "silver/users")
    remove(copied, "checkpoints/silver")
    rebuild(spark, copied, "s1")
    assert state(copied.root) == before
    for table in layer_tables("silver"):  # types, NOT NULL and comments
        assert json.loads(lake.in_process.delta(table).schema().to_json()) == json.loads(table.schema.json())
    # the old state stays readable: the version before the rebuild, without the deleted rows
    version = lake.version(SILVER_USERS) - 1
    old = lake.read(SILVER_USERS, version=version)
    assert old.filter("id > 'u'").isEmpty()
    assert not list(Path(copied.root, "rebuild").iterdir())
    refine(spark, copied)  # nothing new
    assert state(copied.root) == before
    assert audit(copied, configured_cluster(copied.kafka))[2] == []


def test_an_empty_commit_of_a_checkpoint(spark: SparkSession, copied: Settings) -> None:
    """Spark cannot start from it, however often it tries: the stream sets it aside and does its batch again."""
    file = Path(copied.root, "checkpoints", "bronze", "events", "commits", "1")
    file.write_bytes(b"")
    assert go_on(spark, copied) == ""
    assert file.read_bytes() != b""
    assert audit(copied, configured_cluster(copied.kafka))[2] == []


def test_files_that_vacuum_took_from_a_silver_that_is_behind(
    spark: SparkSession, command: Command, base: Base, copied: Settings
) -> None:
    put_back(base, copied, "silver")
    put_back(base, copied, "checkpoints/silver")
    table = DeltaTable(f"{copied.root}/bronze/events")
    held = [Path(file) for file in table.file_uris()]
    table.optimize.compact()
    table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    line = go_on(spark, copied)
    gone = [file for file in held if not file.exists() and str(file) in line]
    assert [line] == [
        f"stream silver stopped: {file} is missing; lakehouse rebuild silver builds silver again from bronze"
        for file in gone
    ]
    repair(line, gone[0], copied, command)
    assert go_on(spark, copied) == ""


def test_silver_does_not_pass_over_versions_that_bronze_makes_again(
    spark: SparkSession, command: Command, base: Base, copied: Settings
) -> None:
    """Silver has read version 2; bronze is back at 1, and its next version is a different 2."""
    put_back(base, copied, "bronze/events")
    assert command("rebuild", "bronze", settings=copied).code == 0
    line = go_on(spark, copied)
    assert "hold rows, but the checkpoint is gone; lakehouse rebuild silver" in line


def test_a_damaged_table_is_kept_where_kafka_no_longer_has_its_records(
    spark: SparkSession, settings: Settings
) -> None:
    lake = SparkLakehouse(settings.root, spark)
    kafka, cluster = settings.kafka, configured_cluster(settings.kafka)
    ensure_topics(cluster, kafka.topics, **kafka.new_topics | {"partitions": 1})
    publish(user_records(1, 10), topic=kafka.users_topic, cluster=cluster)
    ingest(spark, settings, cluster)
    client = KafkaAdminClient(**cluster.client_options())
    client.delete_records({TopicPartition(kafka.users_topic, 0): 4})
    client.close()
    file = next(Path(settings.root, "bronze", "events").glob("part-*.parquet"))
    file.write_bytes(b"")
    with pytest.raises(DamageError) as error:
        list(start.rebuild_checkpoints(lake, settings.kafka, cluster, stamp="s", accept_loss=False))
    assert str(error.value) == (
        f"{file} is empty, and Kafka no longer has all records of its table ({kafka.users_topic}-0 0-3); "
        "restore that file from a copy, or give up these records: lakehouse rebuild bronze --accept-loss"
    )
    assert file.exists()
    lines = list(start.rebuild_checkpoints(lake, settings.kafka, cluster, stamp="s", accept_loss=True))
    kept = f"{settings.root}/bronze/events.before-s"
    assert f"bronze.events: the damaged table is kept at {kept}" in lines
    assert Path(kept, file.name).exists()
    ingest(spark, settings, cluster)
    offsets = lake.read(BRONZE_EVENTS).select("offset").orderBy("offset").collect()
    assert [row["offset"] for row in offsets] == [*range(4, 10)]


def test_a_damaged_table_is_kept_where_the_settings_no_longer_name_its_topic(
    spark: SparkSession, settings: Settings
) -> None:
    kafka, cluster = settings.kafka, configured_cluster(settings.kafka)
    ensure_topics(cluster, kafka.topics, **kafka.new_topics | {"partitions": 1})
    publish(user_records(1, 10), topic=kafka.users_topic, cluster=cluster)
    ingest(spark, settings, cluster)
    file = next(Path(settings.root, "bronze", "events").glob("part-*.parquet"))
    file.write_bytes(b"")
    renamed = kafka.model_copy(update={"users_topic": kafka.series_topic})
    later = settings.model_copy(update={"kafka": renamed})
    with pytest.raises(DamageError) as error:
        list(
            start.rebuild_checkpoints(
                SparkLakehouse(later.root, spark), later.kafka, cluster, stamp="s", accept_loss=False
            )
        )
    assert str(error.value) == (
        f"{file} is empty, and the settings no longer assign {kafka.users_topic} to its table; restore that "
        "file from a copy, set the old topic names again, or give up these records: "
        "lakehouse rebuild bronze --accept-loss"
    )
    assert file.exists()
    lines = list(
        start.rebuild_checkpoints(
            SparkLakehouse(settings.root, spark), settings.kafka, cluster, stamp="s", accept_loss=False
        )
    )
    again = ", ".join(sorted({kafka.users_topic, kafka.movies_topic, kafka.series_topic}))
    assert f"bronze.events: {file} is empty; read again from Kafka: {again}" in lines


def test_a_rebuild_that_was_cut_off_is_finished(
    spark: SparkSession, copied: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After every step of the swap: the stream refuses to start, and the next rebuild finishes."""
    lake = SparkLakehouse(copied.root, spark)
    before = state(copied.root)
    refine(spark, copied, target=staging_of(lake, "s2").root)
    replace, done = SparkLakehouse.replace, []

    def dies_after_three(*args: object, **kwargs: object) -> None:
        if len(done) == 3:
            raise OSError("the power is gone")
        done.append(1)
        replace(*args, **kwargs)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(SparkLakehouse, "replace", dies_after_three)
        with pytest.raises(OSError, match="power"):
            swap_in(lake, "s2")
    with pytest.raises(CheckpointError, match=r"interrupted .*lakehouse rebuild silver finishes it"):
        refine(spark, copied)
    swap_in(lake, "s2")
    require_no_rebuild(copied.root)
    refine(spark, copied)
    assert state(copied.root) == before


@pytest.mark.parametrize("layers", [("silver",), ("bronze", "silver")], ids=" and ".join)
def test_a_power_failure_empties_what_nothing_synced(
    base: Base, spark: SparkSession, copied: Settings, layers: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """All files of the second batch are there, and empty: both streams do it again."""
    root = Path(copied.root)
    for folder in [*layers, *(f"checkpoints/{layer}" for layer in layers)]:
        for file in (root / folder).rglob("*"):
            if file.is_file() and not (base.first / file.relative_to(root)).exists():
                file.write_bytes(b"")
    assert go_on(spark, copied) == ""
    told = capsys.readouterr().err
    for layer in layers:
        assert f"{root}/checkpoints/{layer}" in told


def test_the_audit_finds_what_is_planted(spark: SparkSession, copied: Settings) -> None:
    """A row twice in bronze, one deleted there by a deletion vector, one in silver that bronze lacks."""
    cluster = configured_cluster(copied.kafka)
    assert audit(copied, cluster)[2] == []
    root = copied.root
    lake = SparkLakehouse(root, spark)
    doubled = lake.read(BRONZE_FEEDBACK).orderBy("partition", "offset").limit(1)
    lake.append(doubled, BRONZE_FEEDBACK)
    strange = lake.read(SILVER_USERS).limit(1)
    lake.append(strange.withColumns({"id": F.lit("new"), "offset": F.lit(10**6).cast("bigint")}), SILVER_USERS)
    lost = lake.read(BRONZE_EVENTS).filter(f"topic = '{copied.kafka.series_topic}'")
    part = lost.orderBy("partition", "offset").collect()[0]
    properties = "'delta.appendOnly' = 'false', 'delta.enableDeletionVectors' = 'true'"
    spark.sql(f"ALTER TABLE delta.`{root}/bronze/events` SET TBLPROPERTIES ({properties})")
    gone = (F.col("partition") == part["partition"]) & (F.col("offset") == part["offset"])
    lake.delta_table(BRONZE_EVENTS).delete((F.col("topic") == part["topic"]) & gone)
    assert list(Path(root, "bronze", "events").glob("deletion_vector_*.bin"))
    faults = audit(copied, cluster)[2]
    expected = (
        r"feedback-\d: 1 bronze rows are there twice",
        r"series-\d: 1 records that Kafka has are missing in bronze: \d+",
        r"users-\d: 1 records of silver are not in bronze",
    )
    for pattern in expected:
        assert any(re.search(pattern, fault) for fault in faults), (pattern, faults)
