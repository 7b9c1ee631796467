"""Job: silver content and feedback -> gold.model_metrics: the blend next to every baseline, on the same rows."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import DataFrame, Row, SparkSession

from gold.affinity.weights import chosen_weights
from gold.evaluation.holdout import Exam, exam_of, measure_all, measure_blend
from gold.evaluation.metrics import Measured, describe_models, write_metrics
from gold.evaluation.reporting import print_models, print_trial, print_trials
from gold.evaluation.tuning import best_trials, search
from gold.inputs import held, partitions_of, read_inputs
from gold.recommender.blend import model_version, rows_id
from gold.recommender.factors import checkpoint_folder
from gold.recommender.recipes import recipe_of
from lakehouse.argument_types import minutes
from lakehouse.configuration.gold import GoldSettings
from lakehouse.jobs import job_parser, run_job
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.spark.session import spark_session
from lakehouse.tables import SILVER_CONTENT, SILVER_FEEDBACK


def run(spark: SparkSession, settings: Settings) -> Measured:
    """Train all models on each user's first events and measure them on the last ones; metrics by model."""
    lake, recipe = SparkLakehouse(settings.root, spark), recipe_of(settings.gold)
    inputs = read_inputs(lake, SILVER_CONTENT, SILVER_FEEDBACK)
    titles = inputs[SILVER_CONTENT]
    with checkpoint_folder(lake), held(inputs[SILVER_FEEDBACK]) as feedback:
        version = model_version(feedback, recipe=recipe)
        with asked(settings.gold, feedback, titles) as exam:
            measured = measure_all(exam, recipe=recipe)
        described = describe_models(spark, measured, model_version=version, input_versions=inputs.versions)
        write_metrics(lake, described, inputs.versions)
    return measured


def tune(spark: SparkSession, settings: Settings, *, minutes: float) -> list[Row]:
    """Search for parameters on a validation split inside the training rows, and return the best trials.

    Never looks at the rows that `run` holds out.
    """
    lake, recipe = SparkLakehouse(settings.root, spark), recipe_of(settings.gold)
    inputs = read_inputs(lake, SILVER_CONTENT, SILVER_FEEDBACK)
    titles = inputs[SILVER_CONTENT]
    with (
        checkpoint_folder(lake),
        held(inputs[SILVER_FEEDBACK]) as feedback,
        asked(settings.gold, feedback, titles) as outer,
        asked(settings.gold, outer.training, titles) as exam,
    ):
        data_id = rows_id(exam.training)
        search(
            lake,
            data_id=data_id,
            base=recipe,
            seed=settings.gold.als.seed,
            minutes=minutes,
            measure=lambda chosen: measure_blend(exam, recipe=chosen),
            tell=print_trial,
        )
        return best_trials(lake, data_id=data_id, count=5).collect()


@contextmanager
def asked(gold: GoldSettings, feedback: DataFrame, titles: DataFrame) -> Iterator[Exam]:
    """The feedback split by each user's time, according to the settings."""
    with exam_of(
        feedback,
        titles,
        share=gold.als.holdout,
        liked_from=gold.feedback.liked_from,
        affinity_weights=chosen_weights(gold.affinity),
        partitions=partitions_of(feedback.sparkSession),
    ) as exam:
        yield exam


def parser() -> argparse.ArgumentParser:
    parser = job_parser("Measure the recommendations and what they have to beat, into gold.model_metrics.")
    parser.add_argument("--json", action="store_true", help="print the metrics as JSON")
    parser.add_argument(
        "--tune",
        action="store_true",
        help="search for better parameters instead, inside the training rows, into gold.tuning_trials; "
        "a search on the same rows resumes where the last one ended",
    )
    parser.add_argument(
        "--minutes", type=minutes, default=30.0, help="with --tune: start no trial after this time (default 30)"
    )
    return parser


def main(argv: list[str] | None = None) -> None:
    args = parser().parse_args(argv)
    settings = load_settings()
    with spark_session("gold.evaluate") as spark:
        if args.tune:
            trials = tune(spark, settings, minutes=args.minutes)
            print_trials(trials, json=args.json)
        else:
            print_models(run(spark, settings), json=args.json)


if __name__ == "__main__":
    run_job(main)
