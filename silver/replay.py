"""Judge quarantined records again, as they are or corrected, and merge into silver those that pass."""

import difflib
from collections.abc import Sequence
from typing import Any, NamedTuple

from pyspark.sql import DataFrame, SparkSession

from lakehouse import storage
from lakehouse.errors import InputError
from lakehouse.jobs import job_parser, run_job
from lakehouse.locks import only_run
from lakehouse.rebuilding import require_no_rebuild
from lakehouse.replay_request import Request, add_arguments, request_from
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.checkpoints import CheckpointError, read_checkpoint
from lakehouse.spark.session import spark_session
from lakehouse.tables import SILVER_CORRECTIONS, SILVER_QUARANTINE
from silver import state
from silver.continuity import require_continuity
from silver.quarantine import corrections
from silver.quarantine.fixes import run_fix
from silver.quarantine.resolution import Result, Rules, entries, resolve, settle
from silver.refine import SOURCES, STREAM
from silver.rules import rules


class Report(NamedTuple):
    """`selected` open rows; `unchanged` of them could not take the change; `result` covers the others.

    `finished` counts rows of an earlier replay that was interrupted.
    """

    selected: int
    unchanged: int
    finished: int
    result: Result


def run(spark: SparkSession, settings: Settings, request: Request) -> Report:
    """Replay the selected records. Raises RunningError while the silver stream or another replay runs,
    CheckpointError if silver has an unfinished batch, InputError if the request does not fit the quarantine."""
    root, silver = settings.root, settings.silver
    storage.require(spark, root, SILVER_QUARANTINE)
    with only_run(settings.ops_dir, STREAM):
        _require_whole(spark, root)
        if not request.dry_run:
            storage.ensure(spark, root, SILVER_CORRECTIONS)
        finished = 0 if request.dry_run else settle(spark, root)
        if request.rule is not None:
            require_rule(entries(spark, root), request.rule, settings)
        with state.kept(_selected(spark, root, request)) as chosen:
            count = chosen.count()
            if not count:
                return Report(0, 0, finished, Result({}, 0, {}))
            result = resolve(
                spark,
                root,
                _changed(spark, root, chosen, request),
                rules=Rules(silver.clasificaciones, silver.future_tolerance_seconds),
                cause=request.cause,
                dry_run=request.dry_run,
            )
    return Report(count, count - sum(result.outcomes.values()), finished, result)


def _require_whole(spark: SparkSession, root: str) -> None:
    """Raise CheckpointError after an interrupted batch: nothing may change before the stream repeats it."""
    require_no_rebuild(root)
    checkpoint = read_checkpoint(spark, root, STREAM)
    require_continuity(spark, root, checkpoint, sources=SOURCES)
    if checkpoint is not None and checkpoint.began > checkpoint.ended:
        raise CheckpointError(
            f"silver's batch {checkpoint.began} was cut off", todo="lakehouse run --select silver finishes it"
        )


def require_rule(found: DataFrame, rule: str, settings: Settings) -> None:
    """Raise InputError for a rule that silver does not have and that no quarantined record broke."""
    silver = settings.silver
    known = {one.name for one in rules(silver.clasificaciones, silver.future_tolerance_seconds)}
    if rule in known or not corrections.breaking(found, rule).isEmpty():
        return
    close = difflib.get_close_matches(rule, known, n=1)
    hint = f"did you mean {close[0]}?" if close else "lakehouse quarantine lists those that are broken"
    raise InputError(f"no rule {rule!r}", todo=hint)


def _selected(spark: SparkSession, root: str, request: Request) -> DataFrame:
    return corrections.selected(entries(spark, root), rule=request.rule, since=request.since)


def _changed(spark: SparkSession, root: str, chosen: DataFrame, request: Request) -> DataFrame:
    if request.fix is not None:
        view = _selected(spark.newSession(), root, request)
        return corrections.with_values(chosen, run_fix(view, request.fix))
    if request.assignments:
        return corrections.with_fields(chosen, request.assignments)
    return chosen


def told(report: Report, *, dry_run: bool) -> list[str]:
    """The report in a few lines for people."""
    outcomes = report.result.outcomes
    judged, still_open = sum(outcomes.values()), outcomes.get(corrections.OPEN, 0)
    lines = []
    if report.finished:
        lines.append(f"{report.finished:,} rows of a replay that was cut off: finished")
    if not report.selected:
        return [*lines, "0 rows: no open row is selected"]
    parts = [f"{outcomes.get(name, 0):,} {name}" for name in ("applied", "superseded", "deleted")]
    lines.append(f"{judged:,} rows judged again: {', '.join(parts)}, {still_open:,} stay open")
    lines += [f"  {rule}: {count:,}" for rule, count in report.result.open_rules.items()]
    if report.unchanged:
        lines.append(
            f"{report.unchanged:,} rows as they were: no JSON object to set a field in, or not in the fix"
        )
    if dry_run:
        lines.append("dry run: nothing was changed")
    elif not report.result.changed:
        lines.append("0 rows changed")
    return lines


def as_json(report: Report, *, dry_run: bool) -> dict[str, Any]:
    """The report for programs."""
    outcomes = report.result.outcomes
    return {
        "dry_run": dry_run,
        "finished": report.finished,
        "selected": report.selected,
        "unchanged": report.unchanged,
        "judged": sum(outcomes.values()),
        **{name: outcomes.get(name, 0) for name in ("applied", "superseded", "deleted", corrections.OPEN)},
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
    print("\n".join(told(report, dry_run=request.dry_run)))  # noqa: T201 - the answer of this job is for people


if __name__ == "__main__":
    run_job(main)
