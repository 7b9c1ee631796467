"""Suites are Great Expectations' own: stored as its JSON, and its pages show few values, without a network."""

import json
import re
from pathlib import Path

import great_expectations as gx
import pandas as pd
import pytest

from lakehouse.errors import InputError
from lakehouse.settings import load_settings
from lakehouse.tables import SILVER_CONTENT, SILVER_USERS, Table, layer_tables
from quality import expectations as own
from quality import validation
from quality.batches import profile
from quality.subject import Subject
from quality.suites import has_suite

TABLES = [table for layer in ("silver", "gold") for table in layer_tables(layer)]


def subject(table: Table) -> Subject:
    settings = load_settings()
    return Subject("/data", table, settings.quality, settings.silver.clasificaciones, age_hours=1.0)


def test_the_tables_with_a_suite_are_those_that_the_gates_check() -> None:
    assert [table.sql_name for table in TABLES if validation.own_suite(table)] == [
        table.sql_name for table in TABLES if has_suite(table)
    ]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: str(table.sql_name))
def test_each_result_of_a_suite_has_a_key_of_its_own(table: Table) -> None:
    """quality.results has one row per expectation and column."""
    suite = validation.suite_of(subject(table))
    keys = [
        json.dumps([one.expectation_type, one.configuration.kwargs], default=str) for one in suite.expectations
    ]
    assert len(set(keys)) == len(keys) > 3


def test_a_written_suite_is_read_again_as_the_same_suite(tmp_path: Path) -> None:
    files = validation.write_suites(tmp_path / "suites", [subject(table) for table in TABLES])
    assert [file.name for file in files] == [f"{table.sql_name}.json" for table in TABLES]
    for file, table in zip(files, TABLES, strict=True):
        written = json.loads(file.read_text(encoding="utf-8"))
        assert written["name"] == table.sql_name
        assert validation.read_suite(file) == validation.suite_of(subject(table))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot read .*: No such file"),
        ("{", "is not a suite of Great Expectations: "),
        ('{"name": "s", "expectations": [{"type": "expect_magic", "kwargs": {}}]}', "cannot build expect_magic"),
        ('{"name": "s", "expectations": []}', "has no expectations"),
    ],
)
def test_a_file_that_is_no_suite_is_named(tmp_path: Path, text: str | None, message: str) -> None:
    file = tmp_path / "suite.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InputError, match=message):
        validation.read_suite(file)


def test_of_a_row_that_fails_only_the_value_and_its_names_are_shown() -> None:
    rows = pd.DataFrame(
        {
            "id": ["a", "b", "c"],
            "titulo": ["One", "Two", "Three"],
            "clasificacion": ["x", "x", "x"],
            "actores": ["someone"] * 3,
        }
    )
    suite = gx.ExpectationSuite(
        name="s",
        expectations=[gx.expectations.ExpectColumnValuesToBeInSet(column="clasificacion", value_set=["G"])],
    )
    found = validation.validate(rows, suite, SILVER_CONTENT, samples=2).to_json_dict()
    assert found["results"][0]["result"]["partial_unexpected_index_list"] == [
        {"clasificacion": "x", "id": "a", "titulo": "One"},
        {"clasificacion": "x", "id": "b", "titulo": "Two"},
    ]
    assert "someone" not in json.dumps(found)


def test_a_column_without_a_value_is_an_error_on_its_page_too() -> None:
    rows = pd.DataFrame({"id": ["a"], "nombre_usuario": [None]})
    unjudged = gx.expectations.ExpectColumnValuesToBeInSet(column="nombre_usuario", value_set=["Ana"])
    suite = gx.ExpectationSuite(name="silver.users", expectations=[unjudged])
    (result,) = (checked := validation.validate_subject(subject(SILVER_USERS), rows, profile(rows), suite)).results
    assert result.error is not None
    page = validation.data_docs(checked.validation, title="silver.users", run_id="run")
    assert "no value in any row: nothing could be checked" in page


def test_the_page_shows_the_numbers_that_numpy_computes() -> None:
    mean = gx.expectations.ExpectColumnMeanToBeBetween(column="numero_temporadas", max_value=1)
    suite = gx.ExpectationSuite(name="s", expectations=[mean])
    found = validation.validate(pd.DataFrame({"numero_temporadas": [2, 5]}), suite, SILVER_CONTENT, samples=1)
    assert ">3.5<" in re.sub(r"\s", "", validation.data_docs(found, title="t", run_id="run"))


def test_data_docs_need_no_network_and_run_nothing_that_rows_contain() -> None:
    attack = "<script>alert(1)</script>"
    rows = pd.DataFrame({"id": [attack, "b"], "generos": [[attack], [attack]]})
    items = own.ExpectColumnItemsToMatchRegex(column="generos", regex="^[A-Z]")
    drift = own.ExpectColumnJensenShannonDistanceToBeAtMost(
        column="generos", threshold=0.1, partition_object={"values": [attack], "weights": [1.0]}
    )
    suite = gx.ExpectationSuite(
        name="s",
        expectations=[
            gx.expectations.ExpectColumnValuesToBeInSet(column="id", value_set=[attack[:8]]),
            items,
            drift,
        ],
    )
    found = validation.validate(rows, suite, SILVER_USERS, samples=2)
    page = validation.data_docs(found, title=f"silver.users {attack}", run_id="run")
    assert "Expect every item of an array to match a pattern" in page
    assert "&lt;script&gt;" in page
    assert not re.search(r"https?:|//|<script|<link|@import|url\(", page)
