"""A column that no source has is not a data fault: sources record it as they send, for all later checks."""

from pyspark.sql import SparkSession

from lakehouse import sent
from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import Settings
from lakehouse.tables import SILVER_CONTENT
from quality.gate import require_passed
from tests.support.outcome import Command

COLUMN = "silver.content.clasificacion"


def test_a_source_without_a_column_passes_the_gate(spark: SparkSession, own: Settings, command: Command) -> None:
    Lakehouse(own.root).delta(SILVER_CONTENT).update({"clasificacion": "NULL"})
    asked = ("check", SILVER_CONTENT.sql_name)
    assert command(*asked, settings=own).code == 2  # nothing records that no source has it
    # as a source does before its records are in bronze: unrecorded rows could fill every column
    own.ops_dir.mkdir(parents=True, exist_ok=True)
    (own.ops_dir / sent.FILE).write_text("[]", encoding="utf-8")
    sent.declare(own.ops_dir, {"silver.users.id", "silver.content.id", "silver.feedback.id"}, root=own.root)
    assert command(*asked, settings=own).code == 0
    assert require_passed(spark, own, "silver", compare=False).exit_code == 0
    # another source has the column: now its values are missing
    sent.declare(own.ops_dir, {COLUMN}, root=own.root)
    assert command(*asked, settings=own).code == 2
