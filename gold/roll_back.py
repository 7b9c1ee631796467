"""Job: publish an older model again, and rebuild gold.recommendations from it; gate and export come after."""

from datetime import UTC, datetime

from pyspark.sql import SparkSession

from gold.models.publication import current_records, write_records
from gold.models.registry import roll_back, rollback_target
from gold.recommend import read_list_inputs, write_recommendations
from lakehouse.jobs import job_parser, run_job
from lakehouse.locks import only_run
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.spark.session import spark_session


def run(spark: SparkSession, settings: Settings, model_version: str | None = None) -> str:
    """Publish this model, or else the one published before the current one, and return its version.

    The model is marked published last, after its lists are written, so the same call can follow a crash.
    """
    lake = SparkLakehouse(settings.root, spark)
    with only_run(settings.shared_ops, "gold.models"):
        records = current_records(settings.root)
        target = rollback_target(records, model_version)
        write_recommendations(lake, settings.gold, read_list_inputs(lake), target.model_version)
        write_records(lake, roll_back(records, target, at=datetime.now(UTC)))
    return target.model_version


def main(argv: list[str] | None = None) -> None:
    parser = job_parser("Publish an older model again, and make the recommendations from it.")
    parser.add_argument(
        "model_version", nargs="?", help="one of gold.models; without it, the one published before the current one"
    )
    args = parser.parse_args(argv)
    settings = load_settings()
    with spark_session("gold.roll_back") as spark:
        run(spark, settings, args.model_version)


if __name__ == "__main__":
    run_job(main)
