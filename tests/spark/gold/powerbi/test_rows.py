"""The rows for Power BI."""

import csv
import json
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from gold import export_powerbi
from gold.powerbi.lists import export_lists
from gold.powerbi.rows import name_titles, untitled
from lakehouse.exports import RECOMMENDATIONS_CSV, export_path, write_csv
from lakehouse.history.acceptance import without_gate
from lakehouse.history.commits import lineage_of
from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import Settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import GOLD_POWERBI, GOLD_RECOMMENDATIONS
from silver.parsing.wire import parse
from tests.support.frames import assert_df_equality
from tests.support.records import MOVIE, bronze_frame, bronze_row
from tests.support.tables import contents
from tests.support.titles import SENT_AND_STORED

RECOMMENDATIONS = (
    "user_id string, content_id string, rank int, predicted_rating double, source string, model_version string"
)
# As binary numbers some of these are a little less than the decimal ones that people read.
RATINGS = (2.675, 1.005, 4.125, 4.126, 2.6749999, 3.333333, 0.5, 5.0)
POWERBI = "userId string, recommended_content string, titulo string, predicted_rating double"


def test_rows_are_named_rounded_and_in_order_of_user_and_rank(spark: SparkSession) -> None:
    recommendations = spark.createDataFrame(
        [
            ("u2", "b", 1, 3.0, "als", "m"),
            ("u1", "b", 2, 4.125, "als", "m"),  # half a cent rounds up
            ("u1", "a", 1, 4.126, "als", "m"),
            ("u1", "gone", 3, 1.0, "als", "m"),  # silver no longer has it: kept, without a name
            ("u10", "a", 1, 2.0, "als", "m"),  # as text, u10 comes before u2
        ],
        RECOMMENDATIONS,
    )
    titles = spark.createDataFrame([("a", "A"), ("b", "B"), ("b", "B"), ("c", "C")], "id string, titulo string")
    rows = name_titles(recommendations, titles)
    expected = [
        ("u1", "a", "A", 4.13),
        ("u1", "b", "B", 4.13),
        ("u1", "gone", None, 1.0),
        ("u10", "a", "A", 2.0),
        ("u2", "b", "B", 3.0),
    ]
    assert_df_equality(rows, spark.createDataFrame(expected, POWERBI), ignore_nullable=True)
    assert [row["recommended_content"] for row in untitled(rows).collect()] == ["gone"]


def test_a_title_is_the_same_from_its_record_to_the_file(spark: SparkSession, tmp_path: Path) -> None:
    """What each reader makes of these titles is tested with that reader."""
    sent = [
        json.dumps(MOVIE | {"id": f"t{number:03}", "titulo": title})
        for number, title in enumerate(SENT_AND_STORED)
    ]
    content = parse(bronze_frame(spark, [bronze_row(value) for value in sent])).select("id", "titulo")
    listed = content.select(
        F.lit("u").alias("user_id"), F.col("id").alias("content_id"), F.col("id").alias("rank")
    )
    rows = name_titles(listed.withColumn("predicted_rating", F.lit(4.5)), content)
    path = tmp_path / "final.csv"
    write_csv(str(path), rows.columns, (tuple(row) for row in rows.toLocalIterator()))
    with path.open(encoding="utf-8-sig", newline="") as file:
        found = [row["titulo"] for row in csv.DictReader(file, strict=True)]
    assert found == list(SENT_AND_STORED.values())


def test_the_job_and_the_command_make_the_same_table_and_the_same_file(spark: SparkSession, own: Settings) -> None:
    """The job `gold/export_powerbi.py` uses Spark, `lakehouse export` does not."""
    lake = SparkLakehouse(own.root, spark)
    ratings = lake.read(GOLD_RECOMMENDATIONS).withColumn(
        "predicted_rating", F.element_at(F.array(*map(F.lit, RATINGS)), F.col("rank") % len(RATINGS) + 1)
    )
    lake.overwrite(ratings, GOLD_RECOMMENDATIONS)
    file = Path(export_path(own.root, RECOMMENDATIONS_CSV))
    with without_gate():
        versions = export_powerbi.run(spark, own)
        by_spark = (contents(own.root, GOLD_POWERBI), file.read_bytes())
        file.unlink()
        assert export_lists(Lakehouse(own.root), formulas=own.export.formulas) == versions
    assert (contents(own.root, GOLD_POWERBI), file.read_bytes()) == by_spark
    assert len(by_spark[0]) > 20
    # Spark reads the table and its inputs after delta-rs wrote it
    assert lake.read(GOLD_POWERBI).count() == len(by_spark[0])
    assert lineage_of(Lakehouse(own.root), GOLD_POWERBI, lake.version(GOLD_POWERBI)) == versions
