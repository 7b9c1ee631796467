"""Judge quarantined records again, as they are or corrected, and merge into silver those that pass."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from pyspark.sql import DataFrame, SparkSession

from lakehouse.forgotten import read_forgotten
from lakehouse.jobs import job_parser, run_job
from lakehouse.locks import only_run
from lakehouse.rebuilding import require_no_rebuild
from lakehouse.replay_request import Request, add_arguments, request_from
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.checkpoints import CheckpointError, read_checkpoint
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.spark.session import spark_session
from lakehouse.tables import SILVER_CORRECTIONS, SILVER_QUARANTINE
from silver import state
from silver.conditions import Rules
from silver.continuity import require_continuity
from silver.quarantine import corrections, worklist
from silver.quarantine.fixes import run_fix
from silver.quarantine.resolution import Resolution, entries, resolve, settle
from silver.refine import STREAM


class ReplayReport(NamedTuple):
    """`selected` open rows; `unchanged` of them could not take the change; `result` covers the others.

    `finished` counts rows of an earlier replay that was interrupted.
    """

    selected: int
    unchanged: int
    finished: int
    result: Resolution


def run(spark: SparkSession, settings: Settings, request: Request) -> ReplayReport:
    """Replay the selected records. Raises RunningError while the silver stream or another replay runs,
    CheckpointError if silver has an unfinished batch, InputError if the request does not fit the quarantine."""
    lake, silver = SparkLakehouse(settings.root, spark), settings.silver
    lake.require(SILVER_QUARANTINE)
    with only_run(settings.shared_ops, STREAM, by="a replay of the quarantine"):
        _require_whole(lake)
        if not request.dry_run:
            lake.ensure(SILVER_CORRECTIONS)
        finished = 0 if request.dry_run else settle(lake)
        if request.rule is not None:
            worklist.require_rule(worklist.entries(lake.in_process), request.rule)
        with state.materialized(_selected(lake, request)) as chosen:
            count = chosen.count()
            if not count:
                return ReplayReport(0, 0, finished, Resolution({}, 0, {}))
            result = resolve(
                lake,
                _changed(lake, chosen, request),
                rules=Rules(
                    frozenset(silver.clasificaciones),
                    silver.future_tolerance_seconds,
                    read_forgotten(settings.root),
                ),
                cause=request.cause,
                dry_run=request.dry_run,
            )
    return ReplayReport(count, count - sum(result.outcomes.values()), finished, result)


def _require_whole(lake: SparkLakehouse) -> None:
    """Raise CheckpointError after an interrupted batch: nothing may change before the stream repeats it."""
    require_no_rebuild(lake.root)
    checkpoint = read_checkpoint(lake.in_process.folder, STREAM)
    require_continuity(lake, checkpoint)
    if checkpoint is not None and checkpoint.began > checkpoint.ended:
        raise CheckpointError(
            f"silver's batch {checkpoint.began} was interrupted", todo="lakehouse run --select silver finishes it"
        )


def _selected(lake: SparkLakehouse, request: Request) -> DataFrame:
    return corrections.selected(entries(lake), rule=request.rule, since=request.since)


def _changed(lake: SparkLakehouse, chosen: DataFrame, request: Request) -> DataFrame:
    if request.fix is not None:
        view = _selected(SparkLakehouse(lake.root, lake.spark.newSession()), request)
        return corrections.with_values(chosen, run_fix(view, request.fix))
    if request.assignments:
        return corrections.with_fields(chosen, request.assignments)
    return chosen


def report_lines(report: ReplayReport, *, dry_run: bool) -> list[str]:
    """The report in a few lines for people."""
    outcomes = report.result.outcomes
    judged, still_open = sum(outcomes.values()), outcomes.get(worklist.OPEN, 0)
    lines = []
    if report.finished:
        lines.append(f"{report.finished:,} rows of an interrupted replay: finished")
    if not report.selected:
        return [*lines, "0 rows: no open row is selected"]
    parts = [f"{outcomes.get(name, 0):,} {name}" for name in ("applied", "superseded", "deleted")]
    lines.append(f"{judged:,} rows validated again: {', '.join(parts)}, {still_open:,} stay open")
    lines += [f"  {rule}: {count:,}" for rule, count in report.result.open_rules.items()]
    if report.unchanged:
        lines.append(f"{report.unchanged:,} rows unchanged: not a JSON object, or not in the fix")
    if dry_run:
        lines.append("dry run: nothing was changed")
    elif not report.result.changed:
        lines.append("0 rows changed")
    return lines


def described(report: ReplayReport, *, dry_run: bool) -> dict[str, Any]:
    """The report for programs."""
    outcomes = report.result.outcomes
    return {
        "dry_run": dry_run,
        "finished": report.finished,
        "selected": report.selected,
        "unchanged": report.unchanged,
        "judged": sum(outcomes.values()),
        **{name: outcomes.get(name, 0) for name in ("applied", "superseded", "deleted", worklist.OPEN)},
        "changed": report.result.changed,
        "open_rules": dict(report.result.open_rules),
    }


def main(argv: Sequence[str] | None = None) -> None:
    parser = job_parser(__doc__ or "")
    add_arguments(parser)
    request = request_from(parser.parse_args(argv))
    settings = load_settings()
    with spark_session("silver.replay") as spark:
        report = run(spark, settings, request)
    print("\n".join(report_lines(report, dry_run=request.dry_run)))  # noqa: T201 - the answer of this job is for people


if __name__ == "__main__":
    run_job(main)
