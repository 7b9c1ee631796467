"""The states of trained models, as rows of gold.models: one is published, and all lists are made from it."""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from gold.evaluation.figures import finite
from lakehouse.errors import InputError
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import GOLD_MODELS

# The lists come from this model.
PUBLISHED = "published"
# Was published, until a newer one replaced it...
RETIRED = "retired"
# ...or until it was rolled back: only force publishes it again, not the next training on the same rows.
WITHDRAWN = "withdrawn"
# Never published: worse than the published model.
REFUSED = "refused"
# Its files are deleted.
EXPIRED = "expired"

_LOWER_IS_BETTER = frozenset({"rmse", "mae"})


@dataclass(frozen=True)
class ModelRecord:
    """One trained model, a row of gold.models. Times are timezone-aware, in UTC."""

    model_version: str
    trained_at: datetime
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    input_versions: Mapping[str, int]
    status: str = REFUSED
    published_at: datetime | None = None
    reason: str = ""


class PublicationRule(NamedTuple):
    """A new model is published unless its metric is worse than the published one's by more than this share."""

    metric: str
    margin: float


class PublicationDecision(NamedTuple):
    publish: bool
    reason: str


ModelRecords = tuple[ModelRecord, ...]


def published_model(records: ModelRecords) -> ModelRecord | None:
    return next((record for record in records if record.status == PUBLISHED), None)


def decide_publication(new: ModelRecord, records: ModelRecords, *, rule: PublicationRule) -> PublicationDecision:
    """Whether the new model may replace the published one, and why, with both figures.

    Each figure is from the model's own training, on the rows held out then: today's held-out rows were training
    rows of the published model. A model without the metric never replaces one that has it; if the published
    model has none, any model replaces it.
    """
    current = published_model(records)
    known = _find(records, new.model_version)
    own = figure(new, rule.metric)
    if current is None:
        return PublicationDecision(
            True, "the first model" if own is not None else f"the first model, without {rule.metric}"
        )
    if current.model_version == new.model_version:
        return PublicationDecision(True, current.reason)
    if known is not None and known.status == WITHDRAWN:
        return PublicationDecision(False, known.reason)
    theirs = figure(current, rule.metric)
    if own is None:
        if theirs is None:
            return PublicationDecision(
                True, f"no {rule.metric}, and the published {current.model_version} has none"
            )
        return PublicationDecision(
            False, f"no {rule.metric} against {theirs:.4f} of the published {current.model_version}"
        )
    if theirs is None:
        return PublicationDecision(
            True, f"{rule.metric} {own:.4f}, the published {current.model_version} has none"
        )
    worse = own - theirs if rule.metric in _LOWER_IS_BETTER else theirs - own
    compared = f"{rule.metric} {own:.4f} against {theirs:.4f} of the published {current.model_version}"
    # slightly more than the margin, so that rounding decides nothing
    if worse <= rule.margin * abs(theirs) + 1e-9:
        return PublicationDecision(True, compared)
    return PublicationDecision(False, f"{compared}, worse by more than {rule.margin:.1%}")


def publish_model(records: ModelRecords, new: ModelRecord, *, at: datetime, reason: str) -> ModelRecords:
    """The records with this model published; the previous one retires in the same step.

    If the model is already published, only its metrics change, to the latest ones.
    """
    known = _find(records, new.model_version)
    if known is not None and known.status == PUBLISHED:
        return tuple(replace(one, metrics=new.metrics) if one is known else one for one in records)
    entered = replace(_as_trained(records, new), status=PUBLISHED, published_at=at, reason=reason)
    others = [
        replace(record, status=RETIRED, reason=f"replaced by {new.model_version}")
        if record.status == PUBLISHED
        else record
        for record in _without(records, new.model_version)
    ]
    return (*others, entered)


def refuse(records: ModelRecords, new: ModelRecord, *, reason: str) -> ModelRecords:
    """The records with this model refused. A model that was ever published keeps its current state."""
    known = _find(records, new.model_version)
    if known is not None and known.status in (RETIRED, WITHDRAWN):
        return records
    refused = replace(_as_trained(records, new), status=REFUSED, reason=reason)
    return (*_without(records, new.model_version), refused)


def roll_back(records: ModelRecords, target: ModelRecord, *, at: datetime) -> ModelRecords:
    """The records with an older model published again; the current one is withdrawn."""
    current = published_model(records)
    if current is None or current.model_version == target.model_version:
        return publish_model(records, target, at=at, reason="published by hand")
    withdrawn = replace(current, status=WITHDRAWN, reason=f"it was rolled back to {target.model_version}")
    others = (*_without(records, current.model_version), withdrawn)
    return publish_model(others, target, at=at, reason=f"rolled back from {current.model_version}")


def rollback_target(records: ModelRecords, model_version: str | None) -> ModelRecord:
    """The model to publish again: the requested one, or else the one published before the current one.

    Raises InputError if there is none, or if its files are deleted.
    """
    if model_version is None:
        earlier = [record for record in records if record.status == RETIRED]
        if not earlier:
            raise InputError(
                "no earlier published model to roll back to", todo="lakehouse models lists all models"
            )
        return max(earlier, key=_last_used)
    target = _find(records, model_version)
    if target is None:
        close = difflib.get_close_matches(model_version, [record.model_version for record in records], n=1)
        hint = f"did you mean {close[0]}?" if close else "lakehouse models lists all models"
        raise InputError(f"no model {model_version!r}", todo=hint)
    if target.status == EXPIRED:
        raise InputError(
            f"the files of model {model_version} are deleted",
            todo="choose one that is not expired: lakehouse models",
        )
    return target


def expire_unsaved(records: ModelRecords, saved: Collection[str]) -> ModelRecords:
    """The records, with models whose files somebody deleted marked expired."""
    return tuple(
        record
        if record.status == EXPIRED or record.model_version in saved
        else replace(record, status=EXPIRED, reason=f"{record.status}, and its files are gone")
        for record in records
    )


def expire(records: ModelRecords, *, keep: int) -> ModelRecords:
    """The records, with all but the last `keep` expired, separately for models once published and refused ones."""
    groups = [
        [record for record in records if record.status in (RETIRED, WITHDRAWN)],
        [record for record in records if record.status == REFUSED],
    ]
    old = {
        record.model_version for group in groups for record in sorted(group, key=_last_used, reverse=True)[keep:]
    }
    return tuple(
        replace(record, status=EXPIRED, reason=f"{record.status}: {record.reason}")
        if record.model_version in old
        else record
        for record in records
    )


def kept_models(records: ModelRecords) -> list[str]:
    """The versions whose files are needed."""
    return [record.model_version for record in records if record.status != EXPIRED]


def read_models(root: str) -> ModelRecords:
    """All trained models, oldest first; empty if none was ever trained."""
    lake = Lakehouse(root)
    rows = lake.read(GOLD_MODELS).to_pylist() if lake.exists(GOLD_MODELS) else []
    records = [ModelRecord(**{name: _plain(value) for name, value in row.items()}) for row in rows]
    return tuple(sorted(records, key=lambda record: (record.trained_at, record.model_version)))


def _plain(value: Any) -> Any:
    """Arrow's map, a list of pairs, as a dictionary."""
    return dict(value) if isinstance(value, list) else value


def _as_trained(records: ModelRecords, new: ModelRecord) -> ModelRecord:
    """A model trained again while its files exist keeps its original creation time."""
    known = _find(records, new.model_version)
    return new if known is None or known.status == EXPIRED else replace(new, trained_at=known.trained_at)


def figure(record: ModelRecord, metric: str) -> float | None:
    """The model's metric; None if it was not measured."""
    return finite(record.metrics.get(metric))


def _find(records: ModelRecords, model_version: str) -> ModelRecord | None:
    return next((record for record in records if record.model_version == model_version), None)


def _without(records: ModelRecords, model_version: str) -> ModelRecords:
    return tuple(record for record in records if record.model_version != model_version)


def _last_used(record: ModelRecord) -> tuple[datetime, str]:
    return (record.published_at or record.trained_at, record.model_version)
