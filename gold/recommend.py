"""Job: gold.affinity_ratings -> a model, gold.models, gold.model_metrics and gold.recommendations."""

import logging
from datetime import UTC, datetime

from pyspark.sql import DataFrame, SparkSession

from gold.factors import (
    Parameters,
    checkpoint_folder,
    factors_of,
    fit,
    model_version,
    predict,
    save_factors,
    split_holdout,
)
from gold.inputs import Inputs, held, read_inputs
from gold.metrics import describe_model, prediction_errors, read_metrics, replace_model
from gold.models import is_saved, load_model
from gold.popularity import order_titles
from gold.publication import Publication, offer_model
from gold.ranking import rank_titles
from gold.registry import ModelRecord, Rule
from lakehouse.jobs import job_parser, run_job
from lakehouse.locks import only_run
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

log = logging.getLogger(__name__)


def run(spark: SparkSession, settings: Settings, *, force: bool = False) -> None:
    """Train a model and publish it where it is good enough; make every list from the published one."""
    with only_run(settings.ops_dir, "gold.models"):
        inputs = read_list_inputs(spark, settings.root)
        publication = train(spark, settings, inputs, force=force)
        if publication.refusal:
            log.warning(
                "the new model is not published: %s; the lists come from %s, recommend.py --force publishes it",
                publication.refusal,
                publication.model_version,
            )
        write_lists(spark, settings, inputs, publication.model_version)


def train(spark: SparkSession, settings: Settings, inputs: Inputs, *, force: bool) -> Publication:
    """Measure on held-out ratings, train on all of them, save the model, and offer it for publication."""
    root, chosen = settings.root, settings.gold.als
    parameters = Parameters(chosen.rank, chosen.iterations, chosen.regularization, chosen.seed)
    with checkpoint_folder(spark, root), held(ratings_of(inputs)) as ratings:
        version = model_version(ratings, parameters=parameters)
        errors = evaluate(ratings, parameters=parameters, share=chosen.holdout)
        described = describe_model(errors, model_version=version, input_versions=inputs.versions)
        ensure(spark, root, GOLD_METRICS)
        metrics = replace_model(read(spark, root, GOLD_METRICS), described, model_version=version)
        overwrite(metrics, root, GOLD_METRICS, input_versions=inputs.versions)
        if not is_saved(spark, root, version):
            save_factors(spark, root, version, fit(ratings, parameters=parameters))
    new = ModelRecord(
        model_version=version,
        trained_at=datetime.now(UTC),
        parameters={
            name: str(value) for name, value in {**parameters._asdict(), "holdout": chosen.holdout}.items()
        },
        metrics=read_metrics(read(spark, root, GOLD_METRICS), model_version=version),
        input_versions=inputs.versions,
    )
    models = settings.gold.models
    rule = Rule(models.metric, models.margin)
    return offer_model(spark, root, new, rule=rule, keep=models.keep, force=force)


def write_lists(spark: SparkSession, settings: Settings, inputs: Inputs, version: str) -> None:
    """Make gold.recommendations from a saved model and today's silver."""
    root = settings.root
    factors = factors_of(load_model(spark, root, version))
    titles, users, feedback = inputs[SILVER_CONTENT], inputs[SILVER_USERS], inputs[SILVER_FEEDBACK]
    with held(ratings_of(inputs)) as ratings, held(order_titles(titles, feedback, ratings)) as popular:
        ranked = rank_titles(
            predict(factors, ratings),
            popular,
            users,
            feedback,
            titles_per_user=settings.gold.recommendations.titles_per_user,
            model_version=version,
        )
        overwrite(ranked, root, GOLD_RECOMMENDATIONS, input_versions=inputs.versions)


def read_list_inputs(spark: SparkSession, root: str) -> Inputs:
    """What models are trained on and lists are made from, each table at one version."""
    return read_inputs(spark, root, GOLD_AFFINITY, SILVER_USERS, SILVER_CONTENT, SILVER_FEEDBACK)


def ratings_of(inputs: Inputs) -> DataFrame:
    return inputs[GOLD_AFFINITY].select("user_id", "content_id", "rating")


def evaluate(ratings: DataFrame, *, parameters: Parameters, share: float) -> DataFrame:
    """The errors, on held-out ratings, of a model that has not seen them."""
    split = split_holdout(ratings, share=share, seed=parameters.seed)
    factors = fit(split.training, parameters=parameters)
    return prediction_errors(predict(factors, split.holdout), mean=factors.mean)


def main(argv: list[str] | None = None) -> None:
    parser = job_parser("Train ALS and recommend titles to every user, into gold.recommendations.")
    parser.add_argument(
        "--force", action="store_true", help="publish the new model even where it is worse than the published one"
    )
    args = parser.parse_args(argv)
    settings = load_settings()
    with spark_session("gold.recommend") as spark:
        run(spark, settings, force=args.force)


if __name__ == "__main__":
    run_job(main)
