"""Job: silver users and content -> gold.affinity_ratings."""

from pyspark.sql import SparkSession

from gold.affinity import rate_titles
from gold.inputs import partitions_of, read_inputs
from gold.recipes import affinity_weights
from lakehouse.jobs import job_parser, run_job
from lakehouse.session import spark_session
from lakehouse.settings import Settings, load_settings
from lakehouse.storage import overwrite
from lakehouse.tables import GOLD_AFFINITY, SILVER_CONTENT, SILVER_USERS


def run(spark: SparkSession, settings: Settings) -> None:
    chosen = settings.gold.affinity
    inputs = read_inputs(spark, settings.root, SILVER_USERS, SILVER_CONTENT)
    ratings = rate_titles(
        inputs[SILVER_USERS],
        inputs[SILVER_CONTENT],
        weights=affinity_weights(chosen),
        titles_per_user=chosen.titles_per_user,
        partitions=partitions_of(spark),
    )
    overwrite(ratings, settings.root, GOLD_AFFINITY, input_versions=inputs.versions)


def main(argv: list[str] | None = None) -> None:
    job_parser("Rate how well each title fits each user's tastes, into gold.affinity_ratings.").parse_args(argv)
    settings = load_settings()
    with spark_session("gold.rate_affinity") as spark:
        run(spark, settings)


if __name__ == "__main__":
    run_job(main)
