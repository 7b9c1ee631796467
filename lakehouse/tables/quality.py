"""The results of the checks."""

from pyspark.sql.types import MapType, StructType

from lakehouse.tables.declaration import (
    BOOLEAN,
    DOUBLE,
    LONG,
    STRING,
    TIMESTAMP,
    Job,
    PowerBiExport,
    Table,
    optional,
    required,
)

QUALITY_RESULTS = Table(
    "quality",
    "results",
    StructType(
        [
            required("run_id", STRING, "The run of checks"),
            required("table_name", STRING, "The table, such as silver.users"),
            required("version", LONG, "Version of the table that was checked"),
            required("expectation", STRING, "What was expected, in words"),
            required("column", STRING, "The column; empty if the whole table is concerned"),
            required("success", BOOLEAN, "Whether the expectation holds"),
            optional("observed", STRING, "What was found"),
            required("expected", STRING, "What was expected of it"),
            optional("unexpected_rows", LONG, "Number of rows that break the expectation"),
            optional("error", STRING, "Why it could not be evaluated; null if it was"),
            optional("shares", MapType(STRING, DOUBLE), "Distribution that the next check compares its own with"),
            required("checked_at", TIMESTAMP, "When the run began (UTC)"),
        ]
    ),
    ("run_id", "table_name", "expectation", "column"),
    {"an_error_is_no_success": "error IS NULL OR NOT success"},
    row="one expectation checked on one version of a table",
    made_by=Job("quality.check"),
    export=PowerBiExport("data_quality", ("shares",)),
    append_only=True,
)
