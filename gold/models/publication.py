"""Publish a trained model: save it, compare it, record it in gold.models, delete old files."""

import logging
from collections.abc import Iterable
from dataclasses import asdict
from typing import NamedTuple

from gold.models.files import keep_models
from gold.models.registry import (
    ModelRecord,
    ModelRecords,
    PublicationRule,
    decide_publication,
    expire,
    expire_unsaved,
    figure,
    kept_models,
    publish_model,
    published_model,
    read_models,
    refuse,
)
from gold.models.saved import require_saved, saved_versions
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import GOLD_MODELS

log = logging.getLogger(__name__)


class Publication(NamedTuple):
    """The model that is published now, and why the new one is not, if it is not."""

    model_version: str
    refusal: str


def offer_model(
    lake: SparkLakehouse, new: ModelRecord, *, rule: PublicationRule, keep: int, force: bool = False
) -> Publication:
    """Publish a saved model, or refuse it, in one commit of gold.models; then delete the files of unneeded models.

    `force` publishes it regardless of the rule. Calling it again with the same model changes nothing. Raises
    TableError if the model is not saved.
    """
    require_saved(lake.root, new.model_version)
    before = records = current_records(lake.root)
    verdict = decide_publication(new, records, rule=rule)
    if verdict.publish or force:
        reason = verdict.reason if verdict.publish else f"by force: {verdict.reason}"
        compared = (new, published_model(records) or new)
        if any(figure(record, rule.metric) is None for record in compared):
            log.warning("%s is published without a comparison: %s", new.model_version, reason)
        records = publish_model(records, new, at=new.trained_at, reason=reason)
    else:
        records = refuse(records, new, reason=verdict.reason)
    records = expire(records, keep=keep)
    if records != before:
        write_records(lake, records)
    keep_models(lake.root, kept_models(records))
    if verdict.publish or force:
        return Publication(new.model_version, refusal="")
    current = published_model(records)
    assert current is not None  # noqa: S101 - a model is only refused if another one is published
    return Publication(current.model_version, refusal=verdict.reason)


def current_records(root: str) -> ModelRecords:
    """The rows of gold.models; models whose files somebody deleted are marked expired."""
    return expire_unsaved(read_models(root), saved_versions(root))


def write_records(lake: SparkLakehouse, records: Iterable[ModelRecord]) -> None:
    """Replace the rows of gold.models in one commit. There are few: one per training."""
    lake.ensure(GOLD_MODELS)
    rows = [tuple(asdict(record)[name] for name in GOLD_MODELS.columns) for record in records]
    lake.overwrite(lake.spark.createDataFrame(rows, GOLD_MODELS.schema).coalesce(1), GOLD_MODELS)
