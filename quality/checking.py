"""A check: tables at one version each, measured with Spark, judged with Great Expectations, and recorded."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from lakehouse import sent, storage
from lakehouse.errors import InputError, first_line
from lakehouse.history import acceptance
from lakehouse.history.commits import commit, inputs_of
from lakehouse.lakehouse import Lakehouse
from lakehouse.rebuilding import require_no_rebuild
from lakehouse.settings import Settings
from lakehouse.tables import QUALITY_RESULTS, Table, find_table
from quality.loading import load_judging
from quality.measuring import Judgement, Measured, Measurements, measure
from quality.results import Checked, Result, Run, empty_result, error_result, result_of
from quality.subject import Subject
from quality.suites import LAYERS, has_suite, selected_tables, suite_of

# Queries on small tables leave most of a machine idle.
_AT_ONCE = 3

Versions = Mapping[str, int]
Judge = Callable[[str, Sequence[Measured]], list[Judgement]]


def chosen_tables(spark: SparkSession, root: str, names: Sequence[str]) -> list[Table]:
    """The tables to check. Tables named through a layer that have no suite of their own are skipped if absent."""
    named = {name.lower() for name in names}
    return [
        table
        for table in selected_tables(names)
        if has_suite(table) or table.sql_name in named or storage.exists(spark, root, table)
    ]


def check(
    spark: SparkSession,
    settings: Settings,
    tables: Sequence[Table],
    *,
    version: int | None = None,
    compare: bool = True,
) -> Run:
    """Check the tables at their current versions, or one table at `version`, and record the results.

    Without `compare`, nothing is compared with the previous run. Raises TableError for a missing table, InputError
    for a version that it does not have, CheckpointError if a rebuild of silver was interrupted in its swap.
    """
    root = settings.root
    if any(table.layer == "silver" for table in tables):
        require_no_rebuild(root)  # otherwise half of silver would be the old one
    newest = {table.sql_name: storage.latest_version(spark, root, table) for table in tables}
    moment = datetime.now(UTC)  # later than the commits of the versions checked
    versions = newest if version is None else {tables[0].sql_name: _existing(root, tables[0], version)}
    checked: list[Checked] = []
    for layer in LAYERS:  # gold's checks depend on the results of silver's
        subjects = [
            subject_of(
                spark, settings, table, versions, newest=newest, moment=moment, compare=compare, so_far=checked
            )
            for table in tables
            if table.layer == layer
        ]
        checked += judged(subjects)
    run = Run(f"{moment:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}", moment, tuple(checked))
    _record(spark, root, run)
    return run


def _existing(root: str, table: Table, version: int) -> int:
    known = Lakehouse(root).versions(table)
    if version not in known:
        raise InputError(
            f"{table.sql_name} has no version {version}", todo=f"it has versions {known[0]} to {known[-1]}"
        )
    return version


def subject_of(
    spark: SparkSession,
    settings: Settings,
    table: Table,
    versions: Versions,
    *,
    newest: Versions,
    moment: datetime,
    compare: bool,
    so_far: Sequence[Checked],
) -> Subject:
    root, version = settings.root, versions[table.sql_name]
    lake = Lakehouse(root)
    inputs = inputs_of(lake, table, version) if table.layer == "gold" else None
    written = commit(lake, table, version)
    written_at = written.written_at if written and version == newest[table.sql_name] else None
    return Subject(
        table=table,
        version=version,
        rows=storage.read(spark, root, table, version=version),
        other=_reader(spark, root, {**versions, **(inputs or {})}),
        limits=settings.quality,
        clasificaciones=settings.silver.clasificaciones,
        before=acceptance.last_accepted(root, table, up_to=version) if compare else None,
        age_hours=(moment - written_at).total_seconds() / 3600 if written_at else None,
        unaccepted_inputs=_unaccepted(root, inputs, versions, so_far) if inputs is not None else None,
        sent=sent.read(settings.ops_dir),
    )


def _reader(spark: SparkSession, root: str, versions: Versions) -> Callable[[Table], DataFrame]:
    return lambda table: storage.read(spark, root, table, version=versions.get(table.sql_name))


def _unaccepted(root: str, inputs: Versions, versions: Versions, so_far: Sequence[Checked]) -> tuple[str, ...]:
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


def judged(subjects: Sequence[Subject]) -> list[Checked]:
    """Measure in parallel; judge in sequence, since Great Expectations has one context per process."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        # Great Expectations takes a second to load; other commands should not pay for it, nor this one wait
        loading = pool.submit(load_judging)
        measured = list(pool.map(_measured, subjects))
        judge = loading.result().judge
    return [
        Checked(subject.table.sql_name, subject.version, _results(subject, found, judge))
        for subject, found in zip(subjects, measured, strict=True)
    ]


def _measured(subject: Subject) -> Measurements | str:
    """The measurements, or why nothing could be measured."""
    missing = subject.missing_columns()
    if missing:
        return f"no column {', '.join(missing)}"
    try:
        return measure(suite_of(subject), before=subject.before)
    except (PySparkException, Py4JError) as error:
        return first_line(error)


def _results(subject: Subject, measured: Measurements | str, judge: Judge) -> tuple[Result, ...]:
    name, version, limits = subject.table.sql_name, subject.version, subject.limits
    if isinstance(measured, str):
        return (error_result(name, version, measured),)
    if measured.rows == 0:
        allowed = (*limits.may_be_empty, name) if subject.table.may_be_empty else limits.may_be_empty
        return (empty_result(name, version, may_be_empty=allowed, sent=subject.sent),)
    judgements = judge(name, measured.found)
    may_be_null = limits.may_be_null
    return tuple(
        result_of(name, version, found, judgement, may_be_null=may_be_null, sent=subject.sent)
        for found, judgement in zip(measured.found, judgements, strict=True)
    )


def _record(spark: SparkSession, root: str, run: Run) -> None:
    rows = [(run.run_id, *result, run.checked_at) for table in run.tables for result in table.results]
    storage.ensure(spark, root, QUALITY_RESULTS)
    frame = spark.createDataFrame(rows, QUALITY_RESULTS.schema).coalesce(1)
    storage.append(frame, root, QUALITY_RESULTS)
