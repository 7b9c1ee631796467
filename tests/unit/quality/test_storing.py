"""quality.results written in this process has the contract that lakehouse/tables/ declares."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake.exceptions import DeltaError

from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import QUALITY_RESULTS
from quality.results import CheckedTable, CheckRun, ExpectationResult
from quality.storing import record
from tests.support.folders import EVERY_SIGN

MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)
FINE = ExpectationResult("silver.users", 3, "expect_x", "id", True, "0", "0", 0, None, {"a": 0.25, "b": 0.75})
ERROR = ExpectationResult("silver.users", 3, "expect_y", "", False, None, "0", error="no value")


def run(*results: ExpectationResult) -> CheckRun:
    return CheckRun("run", MOMENT, (CheckedTable("silver.users", 3, results),))


def test_the_first_run_creates_the_table_and_the_next_appends(tmp_path: Path) -> None:
    lake = Lakehouse(tmp_path)
    record(lake, run(FINE, ERROR))
    record(lake, run(FINE))
    table = lake.delta(QUALITY_RESULTS)
    assert json.loads(table.schema().to_json()) == json.loads(QUALITY_RESULTS.schema.json())
    held = table.metadata().configuration
    assert QUALITY_RESULTS.delta_properties.items() <= held.items()
    rows = lake.read(QUALITY_RESULTS).to_pylist()
    assert len(rows) == 3
    assert {**rows[0], "shares": dict(rows[0]["shares"])} == {
        "run_id": "run",
        **FINE._asdict(),
        "checked_at": MOMENT,
    }


def test_the_root_may_have_any_name(tmp_path: Path) -> None:
    lake = Lakehouse(tmp_path / EVERY_SIGN)
    record(lake, run(FINE))
    record(lake, run(FINE))
    assert lake.read(QUALITY_RESULTS).num_rows == 2


def test_its_constraint_is_enforced(tmp_path: Path) -> None:
    lake = Lakehouse(tmp_path)
    record(lake, run(FINE))
    rows = lake.read(QUALITY_RESULTS)
    error = rows.set_column(rows.column_names.index("error"), "error", pa.array(["failed"], pa.string()))
    with pytest.raises(DeltaError, match="1 rows failed validation check"):
        lake.append(QUALITY_RESULTS, error)


def test_a_table_that_was_cut_off_before_its_constraint_gets_it(tmp_path: Path) -> None:
    lake = Lakehouse(tmp_path)
    record(lake, run(FINE))
    lake.delta(QUALITY_RESULTS).alter.drop_constraint("an_error_is_no_success")
    record(lake, run(FINE))
    assert QUALITY_RESULTS.delta_properties.items() <= lake.delta(QUALITY_RESULTS).metadata().configuration.items()
