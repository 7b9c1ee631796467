"""The lakehouse's own records."""

from pyspark.sql.types import MapType, StructType

from lakehouse.tables.declaration import (
    DOUBLE,
    INT,
    LONG,
    STRING,
    TIMESTAMP,
    Job,
    Table,
    optional,
    required,
)

OPS_RUNS = Table(
    "ops",
    "runs",
    StructType(
        [
            required("run_id", STRING, "Id of the run, a UUID; OpenLineage events of the run have the same"),
            optional("parent_id", STRING, "Run of the command that this was a step of; null for a command or job"),
            required(
                "job", STRING, "The job's module, such as gold.recommend, or the command's name, such as run"
            ),
            required("command", STRING, "What was called, with its arguments"),
            required("started_at", TIMESTAMP, "When the run began (UTC)"),
            required("seconds", DOUBLE, "Duration of the run, in seconds"),
            required("result", STRING, "succeeded, failed or stopped"),
            required("exit_code", INT, "0 success, 1 failed check, 2 wrong input or missing part, 130 stopped"),
            optional("error", STRING, "First line of the error; null without one"),
            required("versions_read", MapType(STRING, LONG), "Version of each table that the new rows come from"),
            required("versions_written", MapType(STRING, LONG), "Last version of each table that the run wrote"),
            optional("rows", LONG, "Rows written, in all tables; null if unknown: over 200 commits in a table"),
        ]
    ),
    ("run_id",),
    {"result_known": "result IN ('succeeded', 'failed', 'stopped')"},
    row="one run of a job, or of a command that writes",
    made_by=Job("lakehouse.jobs"),
    append_only=True,
)
