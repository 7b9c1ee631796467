"""What `lakehouse demo` printed and left: the figures match the tables, and Excel can read the CSV."""

import csv
import re
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from lakehouse.exports import RECOMMENDATIONS_CSV, export_path
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import (
    CATALOGUE,
    GOLD_POWERBI,
    GOLD_RECOMMENDATIONS,
    SILVER_BATCHES,
    SILVER_QUARANTINE,
)
from tests.support.demo import Demo
from tests.support.outcome import Command


def figures(printed: str) -> dict[str, list[str]]:
    """The words of each line of the printed tables by its first word; a name in several tables has all of them."""
    found: dict[str, list[str]] = {}
    for line in printed.splitlines():
        name, *words = line.split() or [""]
        found.setdefault(name, []).extend(words)
    return found


def test_the_demo_says_what_it_made(spark: SparkSession, demo: Demo) -> None:
    lake = SparkLakehouse(demo.root, spark)
    printed = figures(demo.printed)
    # ops.runs gets its row when the command has printed
    made = [table for table in CATALOGUE if lake.exists(table) and table.layer != "ops"]
    counts = {table.sql_name: lake.read(table).count() for table in made}
    assert {name: printed[name][0] for name in counts} == {name: f"{rows:,}" for name, rows in counts.items()}
    assert counts["bronze.events"] + counts["bronze.feedback"] >= 400
    assert counts["silver.quarantine"] > 0
    assert counts["gold.recommendations"] == counts["gold.powerbi_recommendations"] > 0
    assert {"passed"} <= set(printed["silver.users"]) & set(printed["gold.recommendations"])
    assert not re.search(r"failed$|not checked$", demo.printed, re.M)
    rules = F.explode(F.array_distinct("reasons.rule")).alias("rule")
    rejected = lake.read(SILVER_QUARANTINE).select(rules)
    for rule, rows in rejected.groupBy("rule").count().collect():
        assert printed[rule] == [f"{rows:,}"]
    assert printed["bronze.events"][-1] == "0"  # records that Kafka has and bronze does not


def test_every_record_is_counted_once(spark: SparkSession, demo: Demo) -> None:
    lake = SparkLakehouse(demo.root, spark)
    sums = lake.read(SILVER_BATCHES).agg(
        F.sum("rows_in"), F.sum(F.expr("applied + superseded + deleted + quarantined"))
    )
    bronze = [table for table in CATALOGUE if table.layer == "bronze"]
    landed = sum(lake.read(table).count() for table in bronze)
    assert sums.collect() == [(landed, landed)]


def test_the_csv_is_the_export_that_excel_reads(spark: SparkSession, demo: Demo) -> None:
    lake = SparkLakehouse(demo.root, spark)
    raw = Path(export_path(demo.root, RECOMMENDATIONS_CSV)).read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    header, *lines = csv.reader(raw.decode("utf-8-sig").splitlines())
    assert header == ["userId", "recommended_content", "titulo", "predicted_rating"]
    published = lake.read(GOLD_RECOMMENDATIONS).select("user_id", "content_id").collect()
    assert sorted((line[0], line[1]) for line in lines) == sorted(tuple(row) for row in published)
    assert len(lines) == lake.read(GOLD_POWERBI).count()


def test_a_layer_that_is_none_is_named(demo: Demo, command: Command) -> None:
    assert command("run", "--select", "sliver+", settings=demo.settings) == (
        2,
        "",
        "lakehouse: unknown layer 'sliver'; select one of bronze, silver, gold; a + adds the layers after it\n",
    )
