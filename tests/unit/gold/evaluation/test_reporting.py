"""Metrics for people and programs: what was not measured is shown as such, never as a number."""

import json

import pytest

from gold.evaluation.figures import METRICS
from gold.evaluation.reporting import print_models, print_trial
from gold.evaluation.tuning import Proposal, Trial, score_of
from gold.recommender.recipes import recipe_of
from lakehouse.settings import load_settings

ORDER = dict.fromkeys(METRICS[:7], 0.25)
# one rating per user, all held out: there is a ranking to measure, but no rating to predict from
MEASURED = {
    "blend": {**ORDER, "test_users": 3.0, "test_ratings": 3.0, "unscored_ratings": 3.0},
    "mean": {"test_ratings": 3.0, "unscored_ratings": 3.0},
}


def test_what_was_not_measured_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    print_models(MEASURED)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == [*ORDER, "test_users", "test_ratings", "unscored_ratings"]
    assert lines[-1] == "not measured for blend, too little feedback: rmse, mae"


def test_a_model_with_all_metrics_needs_no_words(capsys: pytest.CaptureFixture[str]) -> None:
    print_models({"blend": dict.fromkeys(METRICS, 0.5)})
    assert "not measured" not in capsys.readouterr().out


def test_json_has_null_for_what_was_not_measured(capsys: pytest.CaptureFixture[str]) -> None:
    print_models({**MEASURED, "blend": {**MEASURED["blend"], "mae": float("nan")}}, json=True)
    printed = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert {model: list(metrics) for model, metrics in printed.items()} == {
        model: [*METRICS] for model in MEASURED
    }
    assert [printed["blend"][metric] for metric in ("ndcg_at_10", "rmse", "mae")] == [0.25, None, None]
    assert printed["mean"]["ndcg_at_10"] is None


def test_a_trial_says_which_part_of_its_score_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = {"ndcg_at_10": 0.5, "coverage": 0.1}
    print_trial(Trial(Proposal(3, recipe_of(load_settings().gold)), metrics, score_of(metrics)))
    assert capsys.readouterr().err == "trial 3: ndcg_at_10 0.5000, coverage 0.1000, no rmse, score 0.5100\n"
