"""A file with more large records than fit in a driver's memory at once."""

import json
import re
import shutil
from pathlib import Path

from pyspark.sql import SparkSession

from lakehouse.settings import Settings, conf_dir
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import BRONZE_EVENTS, BRONZE_FEEDBACK, SILVER_USERS
from tests.support.processes import drive
from tests.support.records import USER

# 1 MB each. Reading them all at once briefly needs twice their size, more than any driver has.
WIDE_RECORDS = 800


def test_many_large_records_in_one_file_fit_the_memory_of_a_driver(
    spark: SparkSession, settings: Settings, tmp_path: Path
) -> None:
    """With the shipped settings. Without one of them the JVM dies: that gives one line, and loses nothing."""
    lake = SparkLakehouse(settings.root, spark)
    wide = {**USER, "id": "<id>", "nombre_usuario": "<name>"}
    start, middle, end = re.split("<id>|<name>", json.dumps(wide))
    for table in (BRONZE_EVENTS, BRONZE_FEEDBACK):
        lake.ensure(table)
    columns = (
        "'users' AS topic",
        "0 AS partition",
        "id AS offset",
        "now() AS kafka_timestamp",
        "now() AS ingested_at",
    )
    value = f"concat('{start}u', id, '{middle}', repeat('x', 1000000), '{end}') AS value"
    rows = spark.range(WIDE_RECORDS).selectExpr(*columns, value)
    empty = lake.read(BRONZE_EVENTS)
    lake.append(empty.unionByName(rows, allowMissingColumns=True).coalesce(1), BRONZE_EVENTS)
    shutil.copytree(conf_dir(), tmp_path / "conf")
    with (tmp_path / "conf" / "spark-defaults.conf").open("a") as defaults:
        defaults.write("spark.sql.parquet.columnarReaderBatchSize 4096\n")  # Spark's default
    code, said = drive(settings, "silver.refine", tmp_path / "4096.log", LAKEHOUSE_CONF=str(tmp_path / "conf"))
    assert code == 2, said[-3000:]
    # the thread that the JVM called for the micro-batch may report its own end later
    assert [line for line in said.splitlines() if line.startswith("lakehouse:")] == [
        "lakehouse: Spark's JVM ran out of memory and has ended, with spark.driver.memory = 1500m; "
        f"raise spark.driver.memory in {tmp_path}/conf/spark-defaults.conf; what was committed is safe"
    ]
    code, said = drive(settings, "silver.refine", tmp_path / "shipped.log")
    assert code == 0, said[-3000:]
    found = lake.read(SILVER_USERS).selectExpr("count(*)", "min(length(nombre_usuario))")
    assert [tuple(row) for row in found.collect()] == [(WIDE_RECORDS, 1_000_000)]
