"""Which model is published, which is refused, and what a rollback chooses: decisions over a few records."""

import datetime as dt
from dataclasses import replace

import pytest

from gold.models.registry import (
    ModelRecord,
    ModelRecords,
    PublicationRule,
    decide_publication,
    expire,
    expire_unsaved,
    publish_model,
    published_model,
    refuse,
    roll_back,
    rollback_target,
)
from lakehouse.errors import InputError

RMSE = PublicationRule("rmse", margin=0.1)
NDCG = PublicationRule("ndcg_at_10", margin=0.1)


def day(number: int) -> dt.datetime:
    return dt.datetime(2026, 3, number, tzinfo=dt.UTC)


def model(number: int, **metrics: float) -> ModelRecord:
    """Model n, trained on day n."""
    return ModelRecord(f"m{number}", day(number), {"rank": "2"}, metrics, {"silver.users": number})


def one_published(**metrics: float) -> ModelRecords:
    return publish_model((), model(1, **metrics), at=day(1), reason="the first model")


def statuses(records: ModelRecords) -> dict[str, str]:
    return {record.model_version: record.status for record in records}


def test_the_first_model_is_published_whatever_its_metrics() -> None:
    assert decide_publication(model(1), (), rule=RMSE).publish


@pytest.mark.parametrize(
    ("rule", "current", "new", "accepted"),
    [
        (RMSE, 1.0, 0.9, True),  # lower is better
        (RMSE, 1.0, 1.1, True),  # worse by the margin exactly
        (RMSE, 1.0, 1.11, False),
        (NDCG, 0.10, 0.12, True),  # higher is better
        (NDCG, 0.10, 0.09, True),  # worse by the margin exactly
        (NDCG, 0.10, 0.089, False),
        (NDCG, 0.0, 0.0, True),  # equal, and nothing to take a share of
        (RMSE, 1.0, float("nan"), False),  # not measured: nothing shows that it is no worse
        (RMSE, float("nan"), 5.0, True),  # the published one was not measured: nothing to be worse than
        (RMSE, float("inf"), 5.0, True),  # not a figure either
        (RMSE, 1.0, float("-inf"), False),
    ],
)
def test_a_model_is_judged_by_the_metric_and_its_direction(
    rule: PublicationRule, current: float, new: float, accepted: bool
) -> None:
    records = one_published(**{rule.metric: current})
    assert decide_publication(model(2, **{rule.metric: new}), records, rule=rule).publish is accepted


def test_a_refusal_names_both_figures() -> None:
    verdict = decide_publication(model(2, rmse=1.2), one_published(rmse=1.0), rule=RMSE)
    assert verdict.reason == "rmse 1.2000 against 1.0000 of the published m1, worse by more than 10.0%"


@pytest.mark.parametrize(
    ("current", "new", "verdict"),
    [
        ({}, {"rmse": 5.0}, (True, "rmse 5.0000, the published m1 has none")),
        ({"rmse": 5.0}, {}, (False, "no rmse against 5.0000 of the published m1")),
        ({"rmse": 5.0}, {"mae": 0.1, "ndcg_at_10": 1.0}, (False, "no rmse against 5.0000 of the published m1")),
        ({}, {}, (True, "no rmse, and the published m1 has none")),
    ],
)
def test_a_comparison_without_a_figure_is_said(
    current: dict[str, float], new: dict[str, float], verdict: tuple[bool, str]
) -> None:
    assert decide_publication(model(2, **new), one_published(**current), rule=RMSE) == verdict


def test_a_first_model_without_a_figure_is_said() -> None:
    assert decide_publication(model(1), (), rule=RMSE) == (True, "the first model, without rmse")
    assert decide_publication(model(1, rmse=9.0), (), rule=RMSE) == (True, "the first model")


def test_a_model_without_a_figure_that_was_rolled_back_to_gives_way_to_the_next_with_one() -> None:
    records = publish_model(one_published(), model(2, rmse=0.9), at=day(2), reason="")
    records = roll_back(records, rollback_target(records, None), at=day(3))
    assert decide_publication(model(3), records, rule=RMSE).publish
    assert decide_publication(model(4, rmse=9.0), records, rule=RMSE).publish


def test_a_published_model_that_is_measured_again_has_the_new_figures() -> None:
    records = refuse(one_published(rmse=1.9), model(2, rmse=9.0), reason="worse")
    again = publish_model(records, replace(model(1), trained_at=day(9)), at=day(9), reason="again")
    assert again == tuple(replace(one, metrics={}) if one.model_version == "m1" else one for one in records)


def test_another_metric_in_the_settings_does_not_block_new_models() -> None:
    assert decide_publication(model(2, ndcg_at_10=0.1), one_published(rmse=1.0), rule=NDCG).publish


def test_a_new_model_is_published_and_the_old_one_retires() -> None:
    records = publish_model(one_published(rmse=1.0), model(2, rmse=0.9), at=day(2), reason="better")
    assert statuses(records) == {"m1": "retired", "m2": "published"}
    assert records[-1].published_at == day(2)


def test_publishing_the_published_model_again_changes_nothing() -> None:
    records = one_published(rmse=1.0)
    again = replace(model(1, rmse=1.0), trained_at=day(9))
    assert publish_model(records, again, at=day(9), reason="again") == records


def test_a_refused_model_is_kept_once() -> None:
    records = refuse(one_published(rmse=1.0), model(2, rmse=9.0), reason="worse")
    assert refuse(records, replace(model(2, rmse=9.0), trained_at=day(9)), reason="worse") == records
    assert statuses(records) == {"m1": "published", "m2": "refused"}


def test_a_model_that_was_rolled_back_is_not_published_by_the_next_training() -> None:
    records = publish_model(one_published(rmse=1.0), model(2, rmse=0.9), at=day(2), reason="better")
    records = roll_back(records, rollback_target(records, None), at=day(3))
    assert statuses(records) == {"m1": "published", "m2": "withdrawn"}
    verdict = decide_publication(model(2, rmse=0.9), records, rule=RMSE)
    assert verdict == (False, "it was rolled back to m1")
    assert refuse(records, model(2, rmse=0.9), reason=verdict.reason) == records
    assert decide_publication(model(3, rmse=0.9), records, rule=RMSE).publish


def test_a_rollback_without_a_version_goes_to_the_last_one_published() -> None:
    records = one_published(rmse=1.0)
    for number in (3, 2):  # m2 was trained before m3 and published after it
        records = publish_model(records, model(number), at=day(10 - number), reason="")
    records = publish_model(records, model(4), at=day(9), reason="")
    records = refuse(records, model(5), reason="worse")  # the newest, but never published
    assert rollback_target(records, None).model_version == "m2"
    records = roll_back(records, rollback_target(records, None), at=day(10))
    # not back to the model just withdrawn
    assert rollback_target(records, None).model_version == "m3"


def test_a_rollback_to_the_published_model_changes_nothing() -> None:
    records = one_published(rmse=1.0)
    assert roll_back(records, rollback_target(records, "m1"), at=day(5)) == records


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (None, "no earlier published model to roll back to; "),
        ("m22", "no model 'm22'; did you mean m2?"),
        ("zzz", "no model 'zzz'; lakehouse models lists all models"),
        ("m9", "the files of model m9 are deleted; "),
    ],
)
def test_a_rollback_that_cannot_be_is_refused(version: str | None, message: str) -> None:
    gone = replace(model(9), status="expired")
    records = refuse((gone, *one_published(rmse=1.0)), model(2), reason="worse")
    with pytest.raises(InputError) as error:
        rollback_target(records, version)
    assert str(error.value).startswith(message)


def test_only_the_last_models_are_kept_and_the_published_one_always() -> None:
    records = one_published(rmse=1.0)
    for number in (2, 3, 4):
        records = publish_model(records, model(number), at=day(number), reason="")
    records = roll_back(records, rollback_target(records, "m1"), at=day(5))  # the oldest is published again
    for number in (6, 7):
        records = refuse(records, model(number), reason="worse")
    assert statuses(expire(records, keep=1)) == {
        "m1": "published",
        "m2": "expired",
        "m3": "expired",
        "m4": "withdrawn",
        "m6": "expired",
        "m7": "refused",  # many refused ones do not push out what was published
    }


def test_a_published_model_without_files_does_not_stand_in_the_way() -> None:
    records = expire_unsaved(one_published(rmse=1.0), saved=[])
    assert statuses(records) == {"m1": "expired"}
    assert published_model(records) is None
    assert decide_publication(model(2, rmse=99.0), records, rule=RMSE).publish
