"""Job: silver users and content -> gold.affinity_ratings."""

from pyspark.sql import SparkSession

from gold.affinity import rate_titles
from gold.inputs import partitions_of, read_inputs
from gold.title_index import Weights
from lakehouse.jobs import job_parser, run_job
from lakehouse.session import spark_session
from lakehouse.settings import Settings, load_settings
from lakehouse.storage import overwrite
from lakehouse.tables import GOLD_AFFINITY, SILVER_CONTENT, SILVER_USERS


def run(spark: SparkSession, settings: Settings) -> None:
    inputs = read_inputs(spark, settings.root, SILVER_USERS, SILVER_CONTENT)
    ratings = rate_titles(
        inputs[SILVER_USERS],
        inputs[SILVER_CONTENT],
        weights=chosen_weights(settings),
        titles_per_user=settings.gold.affinity.titles_per_user,
        partitions=partitions_of(spark),
    )
    overwrite(ratings, settings.root, GOLD_AFFINITY, input_versions=inputs.versions)


def chosen_weights(settings: Settings) -> Weights:
    chosen = settings.gold.affinity
    return Weights(
        genre=chosen.genre_weight,
        director=chosen.director_weight,
        actor=chosen.actor_weight,
        rating=chosen.rating_weight,
        decade=chosen.decade_weight,
    )


def main(argv: list[str] | None = None) -> None:
    job_parser("Rate how well each title fits each user's tastes, into gold.affinity_ratings.").parse_args(argv)
    settings = load_settings()
    with spark_session("gold.rate_affinity") as spark:
        run(spark, settings)


if __name__ == "__main__":
    run_job(main)
