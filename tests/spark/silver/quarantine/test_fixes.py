"""Corrected records: fields set step by step, custom SELECTs, what is refused, and who may run when."""

import os
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lakehouse.errors import InputError
from lakehouse.folders import open_folder
from lakehouse.locks import RunningError, only_run
from lakehouse.rebuilding import staging_of, swap_in
from lakehouse.replay_request import Request, assignment
from lakehouse.settings import Settings
from lakehouse.spark.checkpoints import CheckpointError, read_checkpoint
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import (
    BRONZE_EVENTS,
    SILVER_BATCHES,
    SILVER_CONTENT,
    SILVER_CORRECTIONS,
    SILVER_FEEDBACK,
    SILVER_QUARANTINE,
    SILVER_USERS,
    layer_tables,
)
from silver import replay
from silver.continuity import require_continuity
from silver.quarantine import corrections
from silver.quarantine.fixes import run_fix
from silver.quarantine.resolution import entries
from silver.refine import STREAM, refine
from tests.support.quarantined import CLOCKS, NEW, accepting_new, audit_faults, became
from tests.support.records import MOVIE, event, land
from tests.support.tables import contents

SERIES_OF_TEXT = """
-- the text becomes a series, and the user a movie: what type a record is, only its value says
SELECT topic, partition, offset,
       CASE key WHEN 'text' THEN '{"id": "text", "type": "series", "titulo": "Texto", "timestamp": 1747135200}'
                ELSE replace(replace(value, '"type": "user"', '"type": "movie"'), 'nombre_usuario', 'titulo')
       END AS value
FROM quarantine WHERE key IN ('text', 'user');
"""


def set_fields(rule: str, *assignments: str) -> Request:
    return Request(rule=rule, assignments=tuple(assignment(text) for text in assignments))


def versions(spark: SparkSession, root: str) -> list[int]:
    lake = SparkLakehouse(root, spark)
    tables = [table for table in layer_tables("silver") if lake.exists(table)]
    return [lake.version(table) for table in tables]


def state(root: str) -> dict[str, list[str]]:
    """Every row of silver except silver.batches, which describes the stream that wrote it."""
    return {
        table.name: contents(root, table, *CLOCKS) for table in layer_tables("silver") if table != SILVER_BATCHES
    }


def resolved_at(spark: SparkSession, root: str) -> list[str]:
    rows = SparkLakehouse(root, spark).read(SILVER_QUARANTINE).select("key", "offset", "resolved_at").collect()
    return sorted(str(row) for row in rows)


def test_a_quarantine_is_worked_through(spark: SparkSession, copied: Settings) -> None:
    """Rule by rule, until nothing fixable is open; a rebuild gives the same silver."""
    root = copied.root
    lake = SparkLakehouse(root, spark)
    # the user is now a movie, still with an unknown classification
    fix = replay.run(spark, copied, Request(fix=SERIES_OF_TEXT))
    assert dict(fix.result.outcomes) == {"applied": 1, "open": 1}
    assert fix.unchanged == 12  # left out by the SELECT

    # a record with two faults needs two steps: the second builds on the first
    first = replay.run(spark, copied, set_fields("clasificacion_unknown", "clasificacion=PG"))
    assert dict(first.result.outcomes) == {"applied": 5, "superseded": 3, "open": 1}
    second = replay.run(spark, copied, set_fields("titulo_missing", "titulo=Both mended"))
    assert dict(second.result.outcomes) == {"applied": 1}

    # a value that is not an object has no fields
    none = replay.run(spark, copied, set_fields("id_missing", "id=x"))
    assert (none.selected, none.unchanged, dict(none.result.outcomes)) == (1, 1, {})
    third = replay.run(spark, copied, set_fields("rating_out_of_range", "rating=4.5"))
    assert dict(third.result.outcomes) == {"applied": 1}

    fourth = replay.run(spark, copied, Request(rule="key_unknown"))  # which is no longer a rule
    assert dict(fourth.result.outcomes) == {"deleted": 1, "superseded": 1}

    assert [key for key, outcomes in became(spark, root).items() if "open" in outcomes] == ["None"]
    content = lake.read(SILVER_CONTENT)
    mended = content.filter("id IN ('text', 'user', 'two faults')").orderBy("id")
    assert [tuple(row) for row in mended.select("id", "type", "titulo", "clasificacion").collect()] == [
        ("text", "series", "Texto", None),
        ("two faults", "movie", "Both mended", "PG"),
        ("user", "movie", "Lucía", "PG"),
    ]
    assert lake.read(SILVER_USERS).isEmpty()
    assert lake.read(SILVER_FEEDBACK).filter("id = 'rated'").collect()[0]["rating"] == 4.5
    # the record is the one in Kafka
    records = content.join(lake.read(BRONZE_EVENTS), on=list(SILVER_QUARANTINE.key), how="left_anti")
    assert records.isEmpty()
    causes = lake.read(SILVER_CORRECTIONS).filter("id = 'two faults'").select("replay_id", "cause")
    assert [tuple(row) for row in causes.collect()] == [(3, 'set titulo="Both mended"')]
    assert audit_faults(root) == []

    before, moments = state(root), resolved_at(spark, root)
    refine(spark, copied, target=staging_of(lake, "s").root)
    swap_in(lake, "s")
    assert state(root) == before
    assert resolved_at(spark, root) == moments
    assert audit_faults(root) == []
    require_continuity(lake, read_checkpoint(open_folder(root), STREAM))


REFUSED: dict[str, tuple[str, str]] = {
    "no SELECT": ("DELETE FROM quarantine", "the fix cannot be run: "),
    "no SQL": ("SELECT 1 +", "the fix cannot be run: "),
    "two statements": ("SELECT 1; SELECT 2", "the fix cannot be run: "),
    "another table": ("SELECT * FROM silver.users", "the fix cannot be run: "),
    "a file": ("SELECT * FROM text.`/etc/hostname`", "the fix cannot be run: "),
    "a Java method": ("SELECT reflect('java.lang.System', 'getenv', 'HOME')", "the fix cannot be run: "),
    "a failure in a row": (
        "SELECT topic, partition, offset, CAST(CAST(key AS INT) AS STRING) AS value FROM quarantine",
        "the fix cannot be run: ",
    ),
    "no keys": ("SELECT value FROM quarantine", "the fix returns value string; return exactly topic, partition, "),
    "a column too many": (
        "SELECT topic, partition, offset, value, key FROM quarantine",
        "the fix returns topic string, partition int, offset bigint, value string, key string; ",
    ),
    "a value that is no text": (
        "SELECT topic, partition, offset, 1 AS value FROM quarantine",
        "the fix returns topic string, partition int, offset bigint, value int; ",
    ),
    "a record twice": (
        "SELECT topic, partition, offset, 'a' AS value FROM quarantine WHERE key = 'first' "
        "UNION ALL SELECT topic, partition, offset, 'b' FROM quarantine WHERE key = 'first'",
        "the fix returns several values for a record: events/0/0; ",
    ),
    "a record that is not selected": (
        "SELECT topic, partition, offset + 1000 AS offset, 'a' AS value FROM quarantine WHERE key = 'first'",
        "the fix returns a record that is not selected: events/0/1000; ",
    ),
    "no record": (
        "SELECT topic, CAST(NULL AS INT) AS partition, offset, 'a' AS value FROM quarantine WHERE key = 'first'",
        "the fix returns a record that is not selected: events/NULL/0; ",
    ),
    "no value": (
        "SELECT topic, partition, offset, get_json_object(value, '$.nothing') AS value FROM quarantine "
        "WHERE key = 'first'",
        "the fix returns no value for a record: events/0/0; ",
    ),
}


@pytest.fixture(scope="module")
def chosen(spark: SparkSession, quarantined: Settings) -> DataFrame:
    """Entries in a session of their own, as the replay passes them to a fix."""
    found = entries(SparkLakehouse(quarantined.root, spark.newSession()))
    return corrections.selected(found, rule="clasificacion_unknown", since=None)


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_fix_is_one_line(chosen: DataFrame, case: str) -> None:
    query, problem = REFUSED[case]
    with pytest.raises(InputError) as error:
        run_fix(chosen, query)
    assert str(error.value).startswith(problem)
    assert "\n" not in str(error.value)


def test_a_refused_request_changes_nothing(spark: SparkSession, copied: Settings) -> None:
    replay.run(spark, copied, Request(rule="episodes_fewer_than_seasons"))  # creates silver.corrections
    before = versions(spark, copied.root)
    with pytest.raises(InputError, match="the fix returns"):
        replay.run(spark, copied, Request(fix="SELECT value FROM quarantine"))
    with pytest.raises(InputError, match=r"no rule 'titulo_mising'; did you mean titulo_missing\?"):
        replay.run(spark, copied, Request(rule="titulo_mising"))
    assert versions(spark, copied.root) == before


def test_one_at_a_time(spark: SparkSession, copied: Settings) -> None:
    """Whoever holds the stream's lock: another replay, the stream, or a rebuild."""
    with only_run(copied.ops_dir, STREAM), pytest.raises(RunningError) as error:
        replay.run(spark, copied, Request())
    assert str(error.value) == (
        f"silver is already running, in process {os.getpid()}; wait for it to end, or stop that process"
    )


def test_a_batch_that_was_cut_off_comes_first(spark: SparkSession, copied: Settings) -> None:
    """The stream repeats that batch, and counts what it finds."""
    Path(copied.root, "checkpoints", "silver", "commits", "0").unlink()
    with pytest.raises(CheckpointError) as error:
        replay.run(spark, copied, Request())
    assert str(error.value) == "silver's batch 0 was interrupted; lakehouse run --select silver finishes it"


def test_thousands_at_once_and_planted_faults(spark: SparkSession, copied: Settings) -> None:
    root = copied.root
    lake = SparkLakehouse(root, spark)
    land(root, BRONZE_EVENTS, [event(MOVIE, f"m{n}", 20, clasificacion=NEW) for n in range(2_000)])
    refine(spark, copied)
    report = replay.run(spark, accepting_new(copied), Request(rule="clasificacion_unknown"))
    assert dict(report.result.outcomes) == {"applied": 2_005, "superseded": 3, "open": 1}
    assert lake.read(SILVER_CONTENT).filter("id RLIKE '^m[0-9]+$'").count() == 2_000
    assert audit_faults(root) == []

    # a resolved record that silver lacks
    lake.delta_table(SILVER_USERS).delete("id = 'user'")
    # one that is corrected twice
    log = lake.read(SILVER_CORRECTIONS)
    lake.append(log.filter("id = 'm7'"), SILVER_CORRECTIONS)
    # one that no replay resolved, and one that is resolved but not shown as such
    quarantine = lake.delta_table(SILVER_QUARANTINE)
    quarantine.update("key = 'text'", {"status": F.lit("resolved")})
    quarantine.update("key = 'm8'", {"status": F.lit("open")})
    # one that was never rejected
    strange = log.filter("id = 'm9'").withColumn("offset", F.lit(3).cast("bigint"))
    lake.append(strange, SILVER_CORRECTIONS)
    faults = audit_faults(root)
    for fault in (
        "events-0: 1 records were resolved, but silver has no trace of them",
        "events-0: 1 records were corrected twice",
        "events-0: 1 quarantined records are resolved, but no replay recorded it",
        "events-0: 1 corrected records are still open: lakehouse quarantine replay is still running, or "
        "was interrupted and finishes them when it runs again",
        "events-0: 1 corrected records are not in the quarantine",
    ):
        assert fault in faults
