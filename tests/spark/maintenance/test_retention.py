"""Retention beside Spark's streams: they go on, and the audit still accounts for every record."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lakehouse.kafka.client import configured_cluster
from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import Settings
from lakehouse.spark.checkpoints import CheckpointError
from lakehouse.tables import BRONZE_EVENTS, BRONZE_FEEDBACK, SILVER_BATCHES, SILVER_QUARANTINE, layer_tables
from maintenance import maintain
from operations.commands.audit import audit
from operations.live.streams import LiveStreams
from producers.made_up.activity import feedback_records
from producers.made_up.entities import user_records
from silver.refine import refine
from tests.support.outcome import Command
from tests.support.sending import run_both, send_all
from tests.support.tables import contents

DAY = timedelta(days=1)


@pytest.fixture
def keeping_a_day(settings: Settings) -> Settings:
    return settings.model_copy(update={"bronze": settings.bronze.model_copy(update={"keep_days": 1})})


def send(settings: Settings, seed: int) -> None:
    """Users and what they did, a fifth of it broken."""
    kafka = settings.kafka
    users = user_records(seed, 20, dirty=0.2)
    feedback = feedback_records(seed, 60, users=20, movies=20, series=10, dirty=0.2)
    send_all(kafka, (kafka.users_topic, users), (kafka.feedback_topic, feedback))


def remove_old(spark: SparkSession, settings: Settings) -> int:
    """What maintenance removes three days later."""
    tables, now = (BRONZE_EVENTS, BRONZE_FEEDBACK), datetime.now(UTC) + 3 * DAY
    done = maintain.run(settings, tables, session=lambda: spark, now=now)
    return sum(kept.retired.rows for kept in done.tables if kept.retired)


def rows(settings: Settings) -> int:
    lake = Lakehouse(settings.root)
    return sum(lake.read(table, columns=["offset"]).num_rows for table in (BRONZE_EVENTS, BRONZE_FEEDBACK))


def silver(settings: Settings) -> dict[str, list[str]]:
    tables = (table for table in layer_tables("silver") if table != SILVER_BATCHES)
    return {table.sql_name: contents(settings.root, table, "quarantined_at") for table in tables}


def test_running_streams_go_on(spark: SparkSession, keeping_a_day: Settings, tmp_path: Path) -> None:
    """Rows go while both streams run; silver ends as one whose bronze has kept everything."""
    settings, cluster = keeping_a_day, configured_cluster(keeping_a_day.kafka)
    send(settings, seed=1)
    streams = LiveStreams(spark, settings, cluster, trigger="1 second")
    try:
        streams.drain()
        first = rows(settings)
        assert remove_old(spark, settings) == first > 0
        assert rows(settings) == 0
        send(settings, seed=2)
        streams.drain()
        assert rows(settings) > 0
    finally:
        streams.stop()
    send(settings, seed=3)
    run_both(spark, settings)
    partitions, _, faults = audit(settings, cluster)
    assert (sum(part.removed for part in partitions), faults) == (first, [])
    undisturbed = settings.model_copy(update={"root": str(tmp_path / "undisturbed")})
    run_both(spark, undisturbed)
    assert silver(settings) == silver(undisturbed)


def test_rebuilds_after_rows_have_gone(spark: SparkSession, keeping_a_day: Settings, command: Command) -> None:
    settings, cluster = keeping_a_day, configured_cluster(keeping_a_day.kafka)
    send(settings, seed=1)
    run_both(spark, settings)
    removed = remove_old(spark, settings)
    assert rows(settings) == 0
    assert command("rebuild", "bronze", settings=settings).code == 0
    run_both(spark, settings)
    assert (rows(settings), audit(settings, cluster)[2]) == (0, [])  # Kafka's records are not read again
    send(settings, seed=2)
    run_both(spark, settings)
    refused = command("rebuild", "silver", settings=settings)
    assert refused.code == 2
    assert refused.err.startswith("lakehouse: bronze can rebuild silver from ")
    assert command("rebuild", "silver", "--accept-loss", settings=settings).code == 0
    partitions, totals, faults = audit(settings, cluster)
    assert (sum(part.removed for part in partitions), totals.rows_in, faults) == (removed, rows(settings), [])
    assert command("rebuild", "silver", settings=settings).code == 0  # it would lose nothing any more


def test_a_quarantined_record_can_be_replayed_after_its_row_has_gone(
    spark: SparkSession, keeping_a_day: Settings, command: Command
) -> None:
    settings = keeping_a_day
    send(settings, seed=1)
    run_both(spark, settings)
    remove_old(spark, settings)
    fixed = ("quarantine", "replay", "--rule", "rating_out_of_range", "--set", "rating=5")
    assert command(*fixed, settings=settings).code == 0
    statuses = Lakehouse(settings.root).read(SILVER_QUARANTINE)["status"].to_pylist()
    assert "resolved" in statuses
    assert audit(settings, configured_cluster(settings.kafka))[2] == []


def test_silver_stops_if_somebody_else_has_removed_rows(spark: SparkSession, keeping_a_day: Settings) -> None:
    """Delta lets them, and silver's stream would skip that commit."""
    settings = keeping_a_day
    send(settings, seed=1)
    run_both(spark, settings)
    spark.sql(f"DELETE FROM delta.`{settings.root}/bronze/events` WHERE `offset` % 2 = 0")  # noqa: S608
    with pytest.raises(CheckpointError, match=r"of bronze.events removed or changed rows \(DELETE\)"):
        refine(spark, settings)
