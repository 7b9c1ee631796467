"""What the demo says about its model if there was too little feedback to measure it."""

import pytest

from gold.evaluation.figures import METRICS
from operations.pipeline.summary import show, with_unmeasured

NDCG = {"metric": "ndcg_at_10", "value": 0.25, "baseline": None}


def test_every_metric_is_listed_and_null_where_there_is_none() -> None:
    rows = with_unmeasured([NDCG])
    assert [row["metric"] for row in rows] == sorted(METRICS)
    assert [row for row in rows if row["value"] is not None] == [NDCG]


def test_people_read_that_it_was_not_measured(capsys: pytest.CaptureFixture[str]) -> None:
    empty = {"tables": {}, "checks": {}, "rejected": {}, "streams": {}, "seconds": {}, "paths": {}}
    show({**empty, "model": with_unmeasured([NDCG])})
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["ndcg_at_10", "0.25", "NULL"] in lines
    assert ["rmse", "not", "measured", "NULL"] in lines
