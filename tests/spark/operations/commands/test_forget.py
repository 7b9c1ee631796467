"""`lakehouse forget` between runs of the streams: they go on, and late events stay out, also of a rebuild."""

import json

from pyspark.sql import SparkSession

from gold import rate_affinity
from lakehouse.kafka.client import configured_cluster
from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import Settings
from lakehouse.tables import (
    GOLD_AFFINITY,
    SILVER_BATCHES,
    SILVER_USERS,
    layer_tables,
)
from operations.commands.audit import audit
from operations.person.searching import files_naming
from producers.made_up.activity import feedback_records
from producers.made_up.entities import movie_records, user_records
from tests.support.outcome import Command
from tests.support.sending import run_both, send_all
from tests.support.tables import contents

# The first has broken records before and after, the second some that are no JSON and no UTF-8.
SOMEBODY = ("u000005", "u000007")


def send(settings: Settings, seed: int) -> None:
    """Users, movies and what the users did, a fifth of it broken."""
    kafka = settings.kafka
    send_all(
        kafka,
        (kafka.users_topic, user_records(seed, 20, dirty=0.2)),
        (kafka.movies_topic, movie_records(seed, 20)),
        (kafka.feedback_topic, feedback_records(seed, 60, users=20, movies=20, series=10, dirty=0.2)),
    )


def silver(settings: Settings) -> dict[str, list[str]]:
    times = ("quarantined_at", "resolved_at", "replayed_at", "replay_id", "cause")
    tables = (table for table in layer_tables("silver") if table != SILVER_BATCHES)
    return {
        table.sql_name: contents(settings.root, table, *(name for name in times if name in table.columns))
        for table in tables
    }


def held(lake: Lakehouse) -> set[tuple[str, str]]:
    """Which of them silver and gold have rows of."""
    found = set()
    for table, column in ((SILVER_USERS, "id"), (GOLD_AFFINITY, "user_id")):
        rows = lake.read(table, columns=[column])[column].to_pylist()
        found |= {(table.sql_name, one) for one in set(rows) & set(SOMEBODY)}
    return found


def naming(settings: Settings) -> dict[str, int]:
    return files_naming(Lakehouse(settings.root).folder, SOMEBODY)[0]


def test_streams_gold_and_rebuilds_after_somebody_was_forgotten(
    spark: SparkSession, settings: Settings, command: Command
) -> None:
    cluster, lake = configured_cluster(settings.kafka), Lakehouse(settings.root)
    for seed in (1, 2):
        send(settings, seed)
        run_both(spark, settings)
        rate_affinity.run(spark, settings)  # the second run hides rows behind deletion vectors
    assert held(lake) == {(SILVER_USERS.sql_name, one) for one in SOMEBODY} | {
        (GOLD_AFFINITY.sql_name, one) for one in SOMEBODY
    }
    assert naming(settings)
    done = command("forget", *SOMEBODY, "--yes", "--json", settings=settings)
    assert (done.code, json.loads(done.out)["naming"]) == (0, {}), done.out
    assert audit(settings, cluster)[2] == []
    send(settings, seed=3)  # it names everybody again
    session = spark.newSession()
    run_both(session, settings)
    assert audit(settings, cluster)[2] == []
    rate_affinity.run(session, settings)
    assert held(lake) == set()
    before = silver(settings)
    assert command("rebuild", "silver", settings=settings).code == 0
    assert silver(settings) == before
    assert audit(settings, cluster)[2] == []
    assert naming(settings)  # bronze holds what has arrived late
    assert command("forget", *SOMEBODY, "--yes", settings=settings).code == 0
    run_both(session, settings)
    assert (naming(settings), audit(settings, cluster)[2]) == ({}, [])
