"""A stream that runs for long lets Delta join the small files of its batches, unless it does so itself."""

from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from lakehouse.spark.streams import start_stream
from tests.support.processes import await_condition

_AUTO_COMPACT = "spark.databricks.delta.autoCompact.enabled"


@pytest.mark.parametrize(("auto_compact", "seen"), [(True, "true"), (False, "false")])
def test_delta_joins_small_files_unless_the_stream_does(
    spark: SparkSession, tmp_path: Path, auto_compact: bool, seen: str
) -> None:
    settings: list[str | None] = []

    def write(rows: DataFrame, _: int) -> None:
        settings.append(rows.sparkSession.conf.get(_AUTO_COMPACT, "false"))

    numbers = spark.readStream.format("rate").option("rowsPerSecond", 100).load()
    writer = numbers.writeStream.foreachBatch(write)
    stream = start_stream(
        writer, "numbers", checkpoint=str(tmp_path), trigger="100 milliseconds", auto_compact=auto_compact
    )
    try:
        await_condition(lambda: bool(settings) or not stream.isActive, "a batch")
    finally:
        stream.stop()
    assert settings[0] == seen
    assert spark.conf.get(_AUTO_COMPACT, "false") == "false"
