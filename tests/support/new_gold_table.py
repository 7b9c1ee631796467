"""A gold table to add to a copy of the project: its declaration, its job and its suite, and nothing else."""

from pathlib import Path

NAME = "gold.likes"
SCRIPT = "gold/count_likes.py"

_DECLARATION = """
GOLD_LIKES = Table(
    "gold",
    "likes",
    StructType(
        [
            required("content_id", STRING, "The title, as in silver.content"),
            required("likes", LONG, "Number of likes"),
        ]
    ),
    ("content_id",),
    {"likes_positive": "likes > 0"},
    row="one title that somebody liked",
    made_by=Job("gold.count_likes", "likes"),
    gate="decides",
    export=PowerBiExport("likes", keys=(_CONTENT,)),
)
"""
_JOB = """
from pyspark.sql import SparkSession

from gold.inputs import read_inputs
from lakehouse.jobs import run_job
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.spark.session import spark_session
from lakehouse.tables import SILVER_FEEDBACK
from lakehouse.tables.gold import GOLD_LIKES


def run(spark: SparkSession, settings: Settings) -> None:
    lake = SparkLakehouse(settings.root, spark)
    inputs = read_inputs(lake, SILVER_FEEDBACK)
    likes = inputs[SILVER_FEEDBACK].where("action = 'like'").groupBy("content_id").count()
    lake.overwrite(likes.withColumnRenamed("count", "likes"), GOLD_LIKES, input_versions=inputs.versions)


def main() -> None:
    with spark_session("gold.count_likes") as spark:
        run(spark, load_settings())


if __name__ == "__main__":
    run_job(main)
"""
_SUITE = """

def likes(subject: Subject) -> list[Expectation]:
    return [*contract(subject), *published(subject)]
"""


def add_to(folder: Path) -> None:
    """Add the table to the packages in this folder."""
    for file, text in (
        ("lakehouse/tables/gold.py", _DECLARATION),
        ("quality/gold_suites.py", _SUITE),
        (SCRIPT, _JOB),
    ):
        with (folder / file).open("a", encoding="utf-8") as opened:
            opened.write(text)
