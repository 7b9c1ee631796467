"""Stream 2 over bronze tables: it ends when everything is read, and the next start resumes from there."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from lakehouse.errors import TableError
from lakehouse.folders import open_folder
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.checkpoints import read_checkpoint
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.spark.streams import StreamError
from lakehouse.tables import (
    BRONZE_EVENTS,
    BRONZE_FEEDBACK,
    SILVER_BATCHES,
    SILVER_CONTENT,
    SILVER_FEEDBACK,
    SILVER_QUARANTINE,
    SILVER_USERS,
    Table,
)
from silver import refine as refine_job
from silver.batch import apply_batch
from silver.refine import STREAM, refine
from tests.support.records import FEEDBACK, MOVIE, USER, bronze_row, land


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The settings without a broker: the tests write bronze themselves."""
    return load_settings().model_copy(update={"root": str(tmp_path / "lakehouse")})


def batches(spark: SparkSession, root: str) -> list[tuple[object, ...]]:
    columns = (
        "query_id",
        "batch_id",
        "rows_in",
        "applied",
        "superseded",
        "deleted",
        "quarantined",
        "bronze_versions",
    )
    return [
        tuple(row)
        for row in SparkLakehouse(root, spark).read(SILVER_BATCHES).select(*columns).orderBy("batch_id").collect()
    ]


def ids(spark: SparkSession, root: str, table: Table) -> list[str]:
    return sorted(row["id"] for row in SparkLakehouse(root, spark).read(table).select("id").collect())


def test_it_ends_and_goes_on(spark: SparkSession, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    root = settings.root
    lake = SparkLakehouse(root, spark)
    land(root, BRONZE_EVENTS, [bronze_row(USER), bronze_row(MOVIE), bronze_row("no JSON")])
    land(root, BRONZE_FEEDBACK, [bronze_row(FEEDBACK)])
    refine(spark, settings)
    checkpoint = read_checkpoint(open_folder(root), STREAM)
    assert checkpoint is not None
    stream = checkpoint.query_id
    first = (stream, 0, 4, 3, 0, 0, 1, {"bronze.events": 1, "bronze.feedback": 1})
    assert batches(spark, root) == [first]

    # nothing new: no batch, and no commit
    versions = [lake.version(table) for table in (SILVER_USERS, SILVER_BATCHES)]
    refine(spark, settings)
    assert [lake.version(table) for table in (SILVER_USERS, SILVER_BATCHES)] == versions

    # a failed batch fails the stream, with one line, and is repeated at the next start
    land(root, BRONZE_EVENTS, [bronze_row(USER | {"id": "u-2"}), bronze_row(None, key="m")])
    with monkeypatch.context() as patch:
        patch.setattr(refine_job, "apply_batch", broken)
        with pytest.raises(
            StreamError, match=r"^stream silver stopped: .*disk full, in batch 1 \(.* offsets "
        ) as error:
            refine(spark, settings)
    assert "\n" not in str(error.value)
    refine(spark, settings)
    # only bronze.events had something new; the other source stays at its position
    second = (stream, 1, 2, 1, 0, 1, 0, {"bronze.events": 2, "bronze.feedback": 1})
    assert batches(spark, root) == [first, second]
    assert ids(spark, root, SILVER_USERS) == ["u", "u-2"]
    assert ids(spark, root, SILVER_CONTENT) == []
    assert ids(spark, root, SILVER_FEEDBACK) == ["f"]
    assert lake.read(SILVER_QUARANTINE).count() == 1

    lines = [json.loads(line) for line in (settings.ops_dir / "stream_progress.jsonl").read_text().splitlines()]
    assert [(line["stream"], line["batch_id"], line["rows"]) for line in lines] == [(STREAM, 0, 4), (STREAM, 1, 2)]
    assert [line["kafka_lag"] for line in lines] == [None, None]


def broken(*_: object, **__: object) -> None:
    raise OSError("disk full")


def test_a_small_limit_makes_several_batches_of_the_same_tables(spark: SparkSession, settings: Settings) -> None:
    """One file per batch: what a lagging stream does, in the order of bronze's commits."""
    root = settings.root
    land(root, BRONZE_FEEDBACK, [bronze_row(FEEDBACK)])
    land(root, BRONZE_EVENTS, [bronze_row(USER | {"nombre_usuario": "first"})])
    land(root, BRONZE_EVENTS, [bronze_row(USER | {"nombre_usuario": "second"})])
    silver = settings.silver.model_copy(update={"max_bytes_per_trigger": "1b"})
    refine(spark, settings.model_copy(update={"silver": silver}))
    assert [row[2:4] for row in batches(spark, root)] == [(2, 2), (1, 1)]
    names = SparkLakehouse(root, spark).read(SILVER_USERS).select("nombre_usuario").collect()
    assert names == [("second",)]


def test_what_comes_after_an_interrupted_run_does_not_happen(
    spark: SparkSession, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gold, or the swap of a rebuild, must not continue with half of silver; the next run does the rest."""
    root = settings.root
    land(root, BRONZE_FEEDBACK, [bronze_row(FEEDBACK)])
    for number in range(6):  # six batches: a stop is requested in the first
        land(root, BRONZE_EVENTS, [bronze_row(USER | {"id": f"u-{number}"})])
    silver = settings.silver.model_copy(update={"max_bytes_per_trigger": "1b"})
    slow = settings.model_copy(update={"silver": silver})
    with monkeypatch.context() as patch:
        patch.setattr(refine_job, "apply_batch", interrupted)
        with pytest.raises(KeyboardInterrupt):
            refine(spark, slow)
    assert "u-5" not in ids(spark, root, SILVER_USERS)
    refine(spark, settings)
    assert ids(spark, root, SILVER_USERS) == [f"u-{number}" for number in range(6)]


def interrupted(*args: Any, **kwargs: Any) -> None:
    """A batch during which a person presses Ctrl-C."""
    os.kill(os.getpid(), signal.SIGINT)
    apply_batch(*args, **kwargs)


def test_without_bronze_it_says_what_to_do(spark: SparkSession, settings: Settings) -> None:
    with pytest.raises(TableError) as error:
        refine(spark, settings)
    assert str(error.value) == (
        f"table bronze.events does not exist under {settings.root}; make it with: lakehouse run --select bronze"
    )
    assert not Path(settings.root, "silver").exists()
