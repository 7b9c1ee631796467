"""The commands that read without Spark, on tables whose rows Spark has deleted by deletion vectors."""

import json
from functools import partial
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lakehouse.settings import Settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import SILVER_CONTENT, SILVER_QUARANTINE
from tests.support.outcome import Command


@pytest.fixture
def command(spark: SparkSession, command: Command, copied: Settings) -> Command:
    """The command on a lakehouse where one title was deleted, one renamed, and one rejected record forgotten."""
    lake = SparkLakehouse(copied.root, spark)
    for table in (SILVER_CONTENT, SILVER_QUARANTINE):
        lake.set_properties(table, {"delta.enableDeletionVectors": "true"})
    content = lake.delta_table(SILVER_CONTENT)
    content.delete("id = 'older'")
    content.update("id = 'newer'", {"titulo": "'renamed'"})
    lake.delta_table(SILVER_QUARANTINE).delete("key = 'text'")
    assert list(Path(copied.root, "silver", "content").glob("deletion_vector_*.bin"))  # and no rewritten file
    return partial(command, settings=copied)


def test_rows_behind_a_deletion_vector_are_gone(spark: SparkSession, command: Command, copied: Settings) -> None:
    lake = SparkLakehouse(copied.root, spark)
    last = lake.version(SILVER_CONTENT)
    found = json.loads(command("diff", "silver.content", str(last - 2), str(last), "--json").out)
    assert {name: found[name] for name in ("added", "changed", "removed", "columns")} == {
        "added": 0,
        "changed": 1,
        "removed": 1,
        "columns": {"titulo": 1},
    }
    assert [row["key"]["id"] for row in found["rows"]] == ["newer", "older"]
    listed = json.loads(command("quarantine", "--json").out)
    assert listed["open"] == 13
    assert "not_json_object" not in {group["rule"] for group in listed["groups"]}
    assert json.loads(command("quarantine", "show", "not_json_object", "--json").out) == []
    states = {state["table"]: state["rows"] for state in json.loads(command("status", "--json").out)["tables"]}
    for table in (SILVER_CONTENT, SILVER_QUARANTINE):
        assert states[table.sql_name] == lake.read(table).count()
    [newest] = json.loads(command("history", "silver.content", "--limit", "1", "--json").out)
    assert (newest["version"], newest["operation"]) == (last, "UPDATE")
