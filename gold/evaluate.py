"""Job: silver content and feedback -> gold.model_metrics: the blend beside every baseline, on the same rows."""

from pyspark.sql import SparkSession

from gold.blend import model_version
from gold.evaluation import measure_all, trial_of
from gold.factors import checkpoint_folder
from gold.inputs import held, partitions_of, read_inputs
from gold.metrics import Measured, describe_models, write_metrics
from gold.rate_affinity import chosen_weights
from gold.recipes import recipe_of
from gold.reporting import print_models
from lakehouse.jobs import job_parser, run_job
from lakehouse.session import spark_session
from lakehouse.settings import Settings, load_settings
from lakehouse.tables import SILVER_CONTENT, SILVER_FEEDBACK


def run(spark: SparkSession, settings: Settings) -> Measured:
    """Train all models on the first events of each user, measure them on the last ones; metrics by model."""
    root, recipe = settings.root, recipe_of(settings.gold)
    inputs = read_inputs(spark, root, SILVER_CONTENT, SILVER_FEEDBACK)
    with checkpoint_folder(spark, root), held(inputs[SILVER_FEEDBACK]) as feedback:
        version = model_version(feedback, recipe=recipe)
        with trial_of(
            feedback,
            inputs[SILVER_CONTENT],
            share=settings.gold.als.holdout,
            liked_from=recipe.evidence.liked_from,
            affinity_weights=chosen_weights(settings),
            partitions=partitions_of(spark),
        ) as trial:
            measured = measure_all(trial, recipe=recipe)
        described = describe_models(spark, measured, model_version=version, input_versions=inputs.versions)
        write_metrics(spark, root, described, inputs.versions)
    return measured


def main(argv: list[str] | None = None) -> None:
    job_parser("Measure the recommendations and what they have to beat, into gold.model_metrics.").parse_args(argv)
    settings = load_settings()
    with spark_session("gold.evaluate") as spark:
        print_models(run(spark, settings))


if __name__ == "__main__":
    run_job(main)
