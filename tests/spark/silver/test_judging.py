"""Judging on Spark: the same rows as in process, and their unknown fields counted."""

import pyarrow as pa
from pyspark.sql import SparkSession

from silver import rows
from silver.judging import judge_batch, judged
from silver.parsing.wire import parse
from silver.rules import split
from tests.support.records import bronze_batch, bronze_frame, bronze_row
from tests.unit.silver.parsing.test_wire import KNOWN, SAMPLES, UNKNOWN
from tests.unit.silver.test_rules import EXPECTED, ROWS, RULES


def test_spark_and_process_give_equal_rows(spark: SparkSession) -> None:
    on_spark = judged(bronze_frame(spark, ROWS), **RULES._asdict()).toArrow()
    in_process = pa.Table.from_batches([judge_batch(bronze_batch(ROWS), RULES)])
    assert on_spark.column_names == in_process.column_names
    assert counted_times(on_spark).to_pylist() == counted_times(in_process).to_pylist()


def counted_times(rows: pa.Table) -> pa.Table:
    """The rows with times in microseconds: Python has none after the year 9999."""
    fields = [field.with_type(pa.int64()) if pa.types.is_timestamp(field.type) else field for field in rows.schema]
    return rows.cast(pa.schema(fields))


def test_every_row_is_on_one_side_of_the_split(spark: SparkSession) -> None:
    valid, quarantined = split(judged(bronze_frame(spark, ROWS), **RULES._asdict()))
    assert {row["topic"] for row in valid.select("topic").collect()} == {
        case for case, broken in EXPECTED.items() if not broken
    }
    assert valid.count() + quarantined.count() == len(ROWS)


def test_unknown_fields_are_counted_over_records(spark: SparkSession) -> None:
    """The smallest sample is shown; a field that is always null has none."""
    records = [bronze_row(event, topic="one") for event, _ in UNKNOWN.values()]
    columns = ("type", "field", "rows", "sample")
    found = rows.unknown_fields(parse(bronze_frame(spark, records)))
    counted = {tuple(row[name] for name in columns) for row in found.collect()}
    # KNOWN has one record of each type
    assert {(kind, name, 1, sample) for kind in KNOWN for name, sample in SAMPLES.items()} <= counted
    assert ("movie", "numero_temporadas", 1, "3") in counted
