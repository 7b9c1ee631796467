"""Bronze joins the small files of its batches in process, and both streams go on from there."""

import pytest
from pyspark.sql import SparkSession

from bronze import ingest as bronze
from lakehouse import compaction
from lakehouse.kafka.client import configured_cluster
from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import Settings
from lakehouse.tables import BRONZE_EVENTS, SILVER_USERS
from silver.refine import refine
from tests.support.kill_points import send_batch


def test_small_files_are_joined_and_both_streams_go_on(
    spark: SparkSession, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "MOST_FILES", 3)
    monkeypatch.setattr(bronze, "_BATCHES_PER_LOOK", 1)
    cluster, lake = configured_cluster(settings.kafka), Lakehouse(settings.root)
    for seed in range(1, 4):
        send_batch(settings, seed)
        bronze.ingest(spark, settings, cluster)
        if seed != 2:  # its third batch begins behind a join
            refine(spark, settings)
    operations = [commit.operation for commit in lake.history(BRONZE_EVENTS)][::-1]
    assert operations[0] == "CREATE TABLE"
    assert operations.count("WRITE") == 3
    assert "OPTIMIZE" in operations
    assert len(lake.delta(BRONZE_EVENTS).file_uris()) < 3
    places = lake.read(BRONZE_EVENTS, columns=["topic", "partition", "offset"]).to_pylist()
    assert len({tuple(place.values()) for place in places}) == len(places)
    sent = {
        row["key"] for row in lake.read(BRONZE_EVENTS, where=f"topic = '{settings.kafka.users_topic}'").to_pylist()
    }
    assert {row["id"] for row in lake.read(SILVER_USERS, columns=["id"]).to_pylist()} <= sent
    batches = lake.read("silver.batches", columns=["rows_in"])["rows_in"].to_pylist()
    assert sum(batches) == len(places) + len(lake.read("bronze.feedback"))
