"""Job: gold.affinity_ratings -> a model, gold.model_metrics and gold.recommendations."""

from pyspark.sql import DataFrame, SparkSession

from gold.factors import Parameters, checkpoint_folder, fit, model_version, predict, split_holdout
from gold.inputs import held, read_inputs
from gold.metrics import describe_model, prediction_errors, replace_model
from gold.popularity import order_titles
from gold.ranking import rank_titles
from lakehouse.jobs import job_parser, run_job
from lakehouse.session import spark_session
from lakehouse.settings import Settings, load_settings
from lakehouse.storage import ensure, overwrite, read
from lakehouse.tables import (
    GOLD_AFFINITY,
    GOLD_METRICS,
    GOLD_RECOMMENDATIONS,
    SILVER_CONTENT,
    SILVER_FEEDBACK,
    SILVER_USERS,
)


def run(spark: SparkSession, settings: Settings) -> None:
    """Measure on held-out ratings and publish the errors; then train on all ratings and publish the lists."""
    root, chosen = settings.root, settings.gold.als
    parameters = Parameters(chosen.rank, chosen.iterations, chosen.regularization, chosen.seed)
    inputs = read_inputs(spark, root, GOLD_AFFINITY, SILVER_USERS, SILVER_CONTENT, SILVER_FEEDBACK)
    pairs = inputs[GOLD_AFFINITY].select("user_id", "content_id", "rating")
    titles, users, feedback = inputs[SILVER_CONTENT], inputs[SILVER_USERS], inputs[SILVER_FEEDBACK]
    with checkpoint_folder(spark, root), held(pairs) as ratings:
        version = model_version(ratings, parameters=parameters)
        errors = evaluate(ratings, parameters=parameters, share=chosen.holdout)
        described = describe_model(errors, model_version=version, input_versions=inputs.versions)
        ensure(spark, root, GOLD_METRICS)
        metrics = replace_model(read(spark, root, GOLD_METRICS), described, model_version=version)
        overwrite(metrics, root, GOLD_METRICS, input_versions=inputs.versions)
        scored = predict(fit(ratings, parameters=parameters), ratings)
        with held(order_titles(titles, feedback, ratings)) as popular:
            ranked = rank_titles(
                scored,
                popular,
                users,
                feedback,
                titles_per_user=settings.gold.recommendations.titles_per_user,
                model_version=version,
            )
            overwrite(ranked, root, GOLD_RECOMMENDATIONS, input_versions=inputs.versions)


def evaluate(ratings: DataFrame, *, parameters: Parameters, share: float) -> DataFrame:
    """The errors, on held-out ratings, of a model that has not seen them."""
    split = split_holdout(ratings, share=share, seed=parameters.seed)
    factors = fit(split.training, parameters=parameters)
    return prediction_errors(predict(factors, split.holdout), mean=factors.mean)


def main(argv: list[str] | None = None) -> None:
    job_parser("Train ALS and recommend titles to every user, into gold.recommendations.").parse_args(argv)
    settings = load_settings()
    with spark_session("gold.recommend") as spark:
        run(spark, settings)


if __name__ == "__main__":
    run_job(main)
