"""From a trained model to the published one: saved, compared, entered in gold.models, old files deleted."""

from typing import NamedTuple

from pyspark.sql import SparkSession

from gold.models import keep_models, saved_versions
from gold.registry import (
    ModelRecord,
    Records,
    Rule,
    expire,
    expire_unsaved,
    judge,
    kept,
    publish,
    read_records,
    refuse,
    write_records,
)


class Publication(NamedTuple):
    """Which model is published now, and why the new one is not, where it is not."""

    model_version: str
    refusal: str


def offer_model(
    spark: SparkSession, root: str, new: ModelRecord, *, rule: Rule, keep: int, force: bool = False
) -> Publication:
    """Publish a saved model, or refuse it, in one commit of gold.models; then delete what is too old.

    `force` publishes it whatever the rule says. A second call with the same model changes nothing.
    """
    before = read_records(spark, root)
    records = expire_unsaved(before, saved_versions(spark, root))
    verdict = judge(new, records, rule=rule)
    if verdict.publish or force:
        reason = verdict.reason if verdict.publish else f"by force: {verdict.reason}"
        records = publish(records, new, at=new.trained_at, reason=reason)
    else:
        records = refuse(records, new, reason=verdict.reason)
    records = expire(records, keep=keep)
    if records != before:
        write_records(spark, root, records)
    keep_models(spark, root, kept(records))
    return _told(records, new)


def _told(records: Records, new: ModelRecord) -> Publication:
    current = next(record for record in records if record.status == "published")
    if current.model_version == new.model_version:
        return Publication(current.model_version, "")
    reason = next(record.reason for record in records if record.model_version == new.model_version)
    return Publication(current.model_version, reason)
