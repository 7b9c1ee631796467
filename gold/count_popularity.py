"""Job: silver feedback -> gold.content_popularity."""

from pyspark.sql import SparkSession

from gold.inputs import read_inputs
from gold.popularity import count_daily
from lakehouse.jobs import job_parser, run_job
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.spark.session import spark_session
from lakehouse.tables import GOLD_POPULARITY, SILVER_FEEDBACK


def run(spark: SparkSession, settings: Settings) -> None:
    lake = SparkLakehouse(settings.root, spark)
    inputs = read_inputs(lake, SILVER_FEEDBACK)
    daily = count_daily(inputs[SILVER_FEEDBACK], trend_days=settings.gold.popularity.trend_days)
    lake.overwrite(daily, GOLD_POPULARITY, input_versions=inputs.versions)


def main(argv: list[str] | None = None) -> None:
    job_parser("Count each title's feedback per day, into gold.content_popularity.").parse_args(argv)
    settings = load_settings()
    with spark_session("gold.count_popularity") as spark:
        run(spark, settings)


if __name__ == "__main__":
    run_job(main)
