"""A check: tables at one version each, validated by their suites, and the results recorded."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
from deltalake.exceptions import DeltaError
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from lakehouse import sent
from lakehouse.errors import CheckNotRunError, first_line
from lakehouse.history import acceptance
from lakehouse.history.commits import commit, lineage_of
from lakehouse.lakehouse import Lakehouse
from lakehouse.rebuilding import require_no_rebuild
from lakehouse.settings import Settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.spark.on_demand import Session
from lakehouse.tables import Table, find_table
from quality.batches import Rows, pandas_rows, profile
from quality.loading import load_validation
from quality.results import CheckedTable, CheckRun, empty_result, error_result
from quality.storing import record
from quality.subject import Subject
from quality.suites import LAYERS, has_suite, selected_tables

if TYPE_CHECKING:  # it takes seconds to load
    from great_expectations import ExpectationSuite

Versions = Mapping[str, int]


def chosen_tables(root: str, names: Sequence[str]) -> list[Table]:
    """The tables to check. Tables named through a layer that have no suite of their own are skipped if absent."""
    lake, named = Lakehouse(root), {name.lower() for name in names}
    return [
        table
        for table in selected_tables(names)
        if has_suite(table) or table.sql_name in named or lake.exists(table)
    ]


def check(
    settings: Settings,
    tables: Sequence[Table],
    *,
    session: Session,
    version: int | None = None,
    compare: bool = True,
) -> CheckRun:
    """Check the tables at their current versions, or one table at `version`, and record the results.

    `session` is asked for Spark only if a table has more rows than `quality.max_pandas_rows`. Without `compare`,
    nothing is compared with the previous run. Raises TableError for a missing table or version,
    CheckpointError if a rebuild of silver was interrupted in its swap.
    """
    lake = Lakehouse(settings.root)
    if any(table.layer == "silver" for table in tables):
        require_no_rebuild(settings.root)  # otherwise half of silver would be the old one
    newest = {table.sql_name: lake.version(table) for table in tables}
    moment = datetime.now(UTC)  # later than the commits of the versions checked
    versions = newest if version is None else {tables[0].sql_name: version}
    if version is not None:
        lake.require_versions(tables[0], version)
    checked: list[CheckedTable] = []
    for layer in LAYERS:  # gold's checks depend on the results of silver's
        so_far = tuple(checked)
        for table in tables:
            if table.layer == layer:
                subject = subject_of(
                    settings, table, versions, newest=newest, moment=moment, compare=compare, so_far=so_far
                )
                with rows_of(
                    lake, table, subject.version, session, max_pandas_rows=settings.quality.max_pandas_rows
                ) as rows:
                    checked.append(check_rows(subject, rows))
    run = new_run(moment, checked)
    record(lake, run)
    return run


def new_run(moment: datetime, checked: Sequence[CheckedTable]) -> CheckRun:
    return CheckRun(f"{moment:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}", moment, tuple(checked))


def subject_of(
    settings: Settings,
    table: Table,
    versions: Versions,
    *,
    newest: Versions,
    moment: datetime,
    compare: bool,
    so_far: Sequence[CheckedTable],
) -> Subject:
    lake, version = Lakehouse(settings.root), versions[table.sql_name]
    inputs = lineage_of(lake, table, version) if table.layer == "gold" else None
    written = commit(lake, table, version)
    written_at = written.written_at if written and version == newest[table.sql_name] else None
    return Subject(
        root=settings.root,
        table=table,
        limits=settings.quality,
        clasificaciones=settings.silver.clasificaciones,
        version=version,
        versions={**versions, **(inputs or {})},
        before=acceptance.last_accepted(settings.root, table, up_to=version) if compare else None,
        age_hours=(moment - written_at).total_seconds() / 3600 if written_at else None,
        unaccepted_inputs=_unaccepted(settings.root, inputs, versions, so_far) if inputs is not None else None,
        sent=sent.read(settings.shared_ops),
    )


def _unaccepted(
    root: str, inputs: Versions, versions: Versions, so_far: Sequence[CheckedTable]
) -> tuple[str, ...]:
    """The inputs that have not passed, neither earlier nor in this run. Gold that this run checks counts as
    passed: if it fails, so does the run."""
    whole = {table.sql_name for table in acceptance.GATED["silver"]} <= {table.table_name for table in so_far}
    silver_passed = whole and all(table.success for table in so_far)
    passed_now = {(table.table_name, table.version) for table in so_far if silver_passed}
    passed_now |= {(name, version) for name, version in versions.items() if find_table(name).layer == "gold"}
    return tuple(
        f"{name} version {version}"
        for name, version in inputs.items()
        if (name, version) not in passed_now and not acceptance.is_accepted(root, find_table(name), version)
    )


@contextmanager
def rows_of(
    lake: Lakehouse, table: Table, version: int, session: Session, *, max_pandas_rows: int
) -> Iterator[Rows]:
    """The table's rows: in pandas if there are no more than `max_pandas_rows`, else in Spark, persisted."""
    count = lake.query("SELECT count(*) AS n FROM rows", rows=(table, version))["n"][0].as_py()
    if count <= max_pandas_rows:
        yield pandas_rows(lake.read(table, version=version))
        return
    rows = SparkLakehouse(lake.root, session()).read(table, version=version).persist()
    try:
        yield rows
    finally:
        rows.unpersist()


def check_rows(subject: Subject, rows: Rows, suite: "ExpectationSuite | None" = None) -> CheckedTable:
    """The results of the table's suite, or of another one, on these rows."""
    name, version = subject.table.sql_name, subject.version
    lacking = [column for column in subject.table.columns if column not in rows.columns]
    if lacking:
        return CheckedTable(name, version, (error_result(name, version, f"no column {', '.join(lacking)}"),))
    try:
        measured = profile(rows)
        if measured.rows == 0:
            allowed = (*subject.limits.may_be_empty, *([name] if subject.table.may_be_empty else []))
            empty = empty_result(name, version, may_be_empty=allowed, sent=subject.sent)
            return CheckedTable(name, version, (empty,))
        validated: CheckedTable = load_validation().validate_subject(
            replace(subject, rows=measured.rows), rows, measured, suite
        )
        return validated
    except (PySparkException, Py4JError, DeltaError, pa.ArrowException, CheckNotRunError) as error:
        return CheckedTable(name, version, (error_result(name, version, first_line(error)),))
