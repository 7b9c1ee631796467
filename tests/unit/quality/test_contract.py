"""Every CHECK constraint of the catalogue has an expectation, which fails where the constraint would."""

from dataclasses import replace
from typing import Any

import great_expectations as gx
import pandas as pd
import pytest

from lakehouse.errors import CheckNotRunError
from lakehouse.tables import (
    CATALOGUE,
    GOLD_MODELS,
    GOLD_RECOMMENDATIONS,
    SILVER_BATCHES,
    SILVER_CONTENT,
    SILVER_QUARANTINE,
    SILVER_USERS,
    Table,
)
from quality import validation
from quality.contract import constraint

EVERY = [(table, name) for table in CATALOGUE if table.layer in ("silver", "gold") for name in table.checks]


@pytest.mark.parametrize(("table", "name"), EVERY, ids=[f"{table.sql_name} {name}" for table, name in EVERY])
def test_every_constraint_has_an_expectation(table: Table, name: str) -> None:
    assert constraint(table, name).expectation_type.startswith("expect_")


# constraint, a row that it allows, one that it forbids
ROWS: list[tuple[Table, str, dict[str, Any], dict[str, Any]]] = [
    (SILVER_USERS, "id_not_blank", {"id": "u"}, {"id": "  "}),
    (SILVER_CONTENT, "type_known", {"type": "movie"}, {"type": "podcast"}),
    (SILVER_CONTENT, "seasons_positive", {"numero_temporadas": 1}, {"numero_temporadas": 0}),
    (GOLD_RECOMMENDATIONS, "rating_in_range", {"predicted_rating": 5.0}, {"predicted_rating": 5.1}),
    (replace(SILVER_USERS, checks={"above": "n > 0"}), "above", {"n": 1}, {"n": 0}),
    (SILVER_QUARANTINE, "has_reason", {"reasons": [{"rule": "r"}]}, {"reasons": []}),
    (
        SILVER_BATCHES,
        "adds_up",
        {"rows_in": 3, "applied": 1, "superseded": 1, "deleted": 0, "quarantined": 1},
        {"rows_in": 3, "applied": 1, "superseded": 1, "deleted": 0, "quarantined": 2},
    ),
    (
        GOLD_MODELS,
        "published_has_time",
        {"status": "refused", "published_at": None},  # a refused model was never published
        {"status": "retired", "published_at": None},
    ),
]


@pytest.mark.parametrize(("table", "name", "allowed", "forbidden"), ROWS, ids=[name for _, name, _, _ in ROWS])
def test_it_fails_for_a_row_that_the_constraint_forbids(
    table: Table, name: str, allowed: dict[str, Any], forbidden: dict[str, Any]
) -> None:
    suite = gx.ExpectationSuite(name="t", expectations=[constraint(table, name)])
    found = [
        validation.validate(pd.DataFrame([row]), suite, table, samples=1).success for row in (allowed, forbidden)
    ]
    assert found == [True, False]


def test_a_constraint_of_an_unknown_form_is_named() -> None:
    table = replace(SILVER_USERS, checks={"odd": "id RLIKE 'x'"})
    with pytest.raises(CheckNotRunError, match=r"no expectation for the constraint odd of silver\.users"):
        constraint(table, "odd")
