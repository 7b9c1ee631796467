"""Job: feedback and affinity -> a model, gold.models, gold.model_metrics and gold.recommendations."""

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from pyspark.sql import SparkSession

from gold.affinity.cosine import index_titles, title_tastes, user_features
from gold.affinity.weights import chosen_weights
from gold.evaluation.holdout import exam_of, measure_published
from gold.evaluation.metrics import describe_models, read_metrics, write_metrics
from gold.inputs import Inputs, held, partitions_of, read_inputs
from gold.models.files import load_model
from gold.models.publication import Publication, offer_model
from gold.models.registry import ModelRecord, PublicationRule
from gold.models.saved import is_saved
from gold.popularity import order_titles
from gold.recommender.blend import blend_of, model_version, require_finite, save_blend, train_blend
from gold.recommender.factors import checkpoint_folder
from gold.recommender.lists import describe_users, make_lists, without_factors
from gold.recommender.recipes import recipe_of
from gold.recommender.titles import join_titles
from lakehouse.configuration.gold import GoldSettings
from lakehouse.jobs import job_parser, run_job
from lakehouse.locks import only_run
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.spark.session import spark_session
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
    """Train a model and publish it if it is good enough; make every list from the published model."""
    lake = SparkLakehouse(settings.root, spark)
    with only_run(settings.shared_ops, "gold.models"):
        inputs = read_list_inputs(lake)
        publication = train(lake, settings.gold, inputs, force=force)
        if publication.refusal:
            log.warning(
                "the new model is not published: %s; the lists come from %s, recommend.py --force publishes it",
                publication.refusal,
                publication.model_version,
            )
        write_recommendations(lake, settings.gold, inputs, publication.model_version)


def train(lake: SparkLakehouse, gold: GoldSettings, inputs: Inputs, *, force: bool) -> Publication:
    """Measure on each user's last events, train on all, save the model, and offer it for publication.

    Raises InputError, before anything is published, if training produced factors that are not finite.
    """
    recipe = recipe_of(gold)
    with (
        checkpoint_folder(lake),
        held(inputs[SILVER_FEEDBACK]) as feedback,
        ThreadPoolExecutor(max_workers=1) as beside,
    ):
        version = model_version(feedback, recipe=recipe)
        # Training and measuring consist of short steps that leave cores idle: they fill each other's gaps.
        training = None
        if not is_saved(lake.root, version):
            training = beside.submit(train_blend, feedback, recipe=recipe)
        with exam_of(
            feedback,
            inputs[SILVER_CONTENT],
            share=gold.als.holdout,
            liked_from=recipe.evidence.liked_from,
            affinity_weights=chosen_weights(gold.affinity),
            partitions=partitions_of(lake.spark),
        ) as exam:
            measured = measure_published(exam, recipe=recipe)
        described = describe_models(lake.spark, measured, model_version=version, input_versions=inputs.versions)
        write_metrics(lake, described, inputs.versions)
        if training is not None:
            save_blend(lake.root, version, training.result())
        require_finite(blend_of(load_model(lake, version)))
    new = ModelRecord(
        model_version=version,
        trained_at=datetime.now(UTC),
        parameters=described_parameters(gold),
        metrics=read_metrics(lake.read(GOLD_METRICS), model_version=version),
        input_versions=inputs.versions,
    )
    rule = PublicationRule(gold.models.metric, gold.models.margin)
    return offer_model(lake, new, rule=rule, keep=gold.models.keep, force=force)


def write_recommendations(lake: SparkLakehouse, gold: GoldSettings, inputs: Inputs, version: str) -> None:
    """Write gold.recommendations from a saved model and today's silver."""
    features = chosen_weights(gold.affinity)
    blend = blend_of(load_model(lake, version))
    titles, feedback, affinity = inputs[SILVER_CONTENT], inputs[SILVER_FEEDBACK], inputs[GOLD_AFFINITY]
    described = describe_users(
        user_features(inputs[SILVER_USERS], weights=features),
        feedback,
        without_factors(affinity, blend),
        evidence=recipe_of(gold).evidence,
    )
    popular = order_titles(titles, feedback, affinity)
    lists = make_lists(
        described,
        blend,
        join_titles(index_titles(title_tastes(titles), weights=features), blend, popular),
        titles_per_user=gold.recommendations.titles_per_user,
        partitions=partitions_of(lake.spark),
        model_version=version,
    )
    lake.overwrite(lists, GOLD_RECOMMENDATIONS, input_versions=inputs.versions)


def read_list_inputs(lake: SparkLakehouse) -> Inputs:
    """The inputs for training models and making lists, each table at one version."""
    return read_inputs(lake, GOLD_AFFINITY, SILVER_USERS, SILVER_CONTENT, SILVER_FEEDBACK)


def described_parameters(gold: GoldSettings) -> dict[str, str]:
    """The settings that a model was trained with, by name."""
    sections = {"feedback": gold.feedback, "als": gold.als, "blend": gold.blend, "values": gold.values}
    return {
        f"{section}.{name}": str(value)
        for section, values in sections.items()
        for name, value in values.model_dump().items()
    }


def main(argv: list[str] | None = None) -> None:
    parser = job_parser("Train ALS and recommend titles to every user, into gold.recommendations.")
    parser.add_argument(
        "--force", action="store_true", help="publish the new model even if it is worse than the published one"
    )
    args = parser.parse_args(argv)
    settings = load_settings()
    with spark_session("gold.recommend") as spark:
        run(spark, settings, force=args.force)


if __name__ == "__main__":
    run_job(main)
