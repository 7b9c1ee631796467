"""Job: join small files, and delete the versions that nobody needs any more."""

import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from lakehouse.history.damage import require_whole_checkpoints, require_whole_logs
from lakehouse.jobs import job_parser, run_job
from lakehouse.lakehouse import Lakehouse
from lakehouse.locks import RunningError, only_run
from lakehouse.runs.recording import recorded
from lakehouse.runs.run import Work
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.spark.on_demand import Session, on_demand
from lakehouse.spark.session import spark_session
from lakehouse.tables import CATALOGUE, Table, find_table
from maintenance import promise
from maintenance.expiry import READERS, Expiry, expire, expiry
from maintenance.leftovers import Leftovers, clear, leftovers
from maintenance.needs import Need, first_needed, known_needs, promised
from maintenance.retention import COMMAND, Retired, first_day_kept, foresee, retire
from maintenance.small_files import join_small_files, small_files

LOCK = "maintenance"
# As ops.runs names it, however it was started.
JOB = "maintenance.maintain"
# Where a running stream writes all tables, and joins their small files itself.
_STREAMED = ("bronze", "silver")


class Kept(NamedTuple):
    """One table after its maintenance, or as a dry run foresees it.

    `small_files` are those that were joined, `retired` the rows whose days were over; None if the table keeps all.
    `waits` says what was left for another run, and why.
    """

    expiry: Expiry
    small_files: int
    retired: Retired | None = None
    waits: tuple[str, ...] = ()


class Maintenance(NamedTuple):
    """What a run did, or would do. `leftovers` is None if it was for some tables only."""

    tables: tuple[Kept, ...]
    leftovers: Leftovers | None

    @property
    def size(self) -> int:
        """The bytes that were freed."""
        return sum(kept.expiry.size for kept in self.tables) + (self.leftovers.size if self.leftovers else 0)


def run(
    settings: Settings,
    tables: Sequence[Table],
    *,
    session: Session,
    now: datetime,
    dry_run: bool = False,
) -> Maintenance:
    """Maintain these tables, or all: each that exists, one after the other.

    `session` is asked for only if a table has small files to join. A run leaves a row in ops.runs, a dry run none.
    Raises RunningError if another run is at work, DamageError if a checkpoint or a log is damaged: what its stream
    needs is then unknown.
    """
    if dry_run:
        return _run(settings, tables, session=session, now=now, dry_run=True)
    done: list[Maintenance] = []

    def work() -> int:
        done.append(_run(settings, tables, session=session, now=now, dry_run=False))
        return 0

    call = shlex.join(["lakehouse", "maintain", *(table.sql_name for table in tables)])
    what = Work(JOB, call, tuple(tables) or CATALOGUE)
    recorded(work, what, root=settings.root, openlineage=settings.openlineage)
    return done[0]


def _run(
    settings: Settings, tables: Sequence[Table], *, session: Session, now: datetime, dry_run: bool
) -> Maintenance:
    lake, since = Lakehouse(settings.root), now - max(timedelta(days=settings.maintenance.keep_days), READERS)
    with only_run(settings.shared_ops, LOCK):
        require_whole_checkpoints(lake.root)
        require_whole_logs(lake.root, "bronze", "silver")
        needs = known_needs(lake)
        kept = []
        for table in tables or CATALOGUE:
            if lake.exists(table):
                found = _expiry(lake, table, needs, since=since, now=now)
                work = _Work(settings, lake, found, session, now)
                kept.append(work.foreseen() if dry_run else work.done())
        rest = None if tables else leftovers(lake, settings.ops_dir, since=since)
        if rest is not None and not dry_run:
            clear(lake, settings.ops_dir, rest)
    return Maintenance(tuple(kept), rest)


def _expiry(lake: Lakehouse, table: Table, needs: Sequence[Need], *, since: datetime, now: datetime) -> Expiry:
    need = first_needed(lake, table, [promised(lake, table, since), *needs])
    return expiry(lake, table, need, now=now)


class _Work(NamedTuple):
    """The maintenance of one table."""

    settings: Settings
    lake: Lakehouse
    expiry: Expiry
    session: Session
    now: datetime

    def foreseen(self) -> Kept:
        retired = self._retired(foresee)
        with _writer_stopped(self.settings.shared_ops, self.expiry.table) as running:
            found = small_files(self.lake, self.expiry.table)
            return Kept(self.expiry, 0 if running else found, retired, self._waits(running, retired))

    def done(self) -> Kept:
        table = self.expiry.table
        expire(self.lake, self.expiry)
        retired = self._retired(partial(retire, shared_ops=self.settings.shared_ops))
        with _writer_stopped(self.settings.shared_ops, table) as running:
            waits = self._waits(running, retired)
            if running:
                return Kept(self.expiry, 0, retired, waits)
            if not promise.is_kept(self.lake, table, self._days):
                promise.keep(self.lake, table, self._days)
            found = small_files(self.lake, table)
            if found and not join_small_files(SparkLakehouse(self.lake.root, self.session()), table):
                waits = (*waits, "joining its small files: other writers took them each time")
                return Kept(self.expiry, 0, retired, waits)
            return Kept(self.expiry, found, retired, waits)

    def _retired(self, retention: Callable[[Lakehouse, Table, datetime], Retired]) -> Retired | None:
        """What retention does to a table of bronze, unless it keeps all."""
        keep_days = self.settings.bronze.keep_days
        if self.expiry.table.layer != "bronze" or not keep_days:
            return None
        return retention(self.lake, self.expiry.table, first_day_kept(keep_days, self.now))

    @property
    def _days(self) -> int:
        return self.settings.maintenance.keep_days

    def _waits(self, running: str, retired: Retired | None) -> tuple[str, ...]:
        table, reasons = self.expiry.table, []
        if retired is not None and retired.waits:
            reasons.append(f"removing its old rows: {retired.waits}")
        if self.expiry.lacks_checkpoint:
            versions = f"versions {self.expiry.begin} to {self.expiry.need.version - 1}"
            reasons.append(f"{versions}: they go once the checkpoint after them is an hour old")
        if running and small_files(self.lake, table):
            reasons.append(f"joining its small files: {running}, and does that itself")
        if running and not promise.is_kept(self.lake, table, self._days):
            reasons.append(f"its Delta properties: {running}")
        return tuple(reasons)


@contextmanager
def _writer_stopped(shared_ops: str, table: Table) -> Iterator[str]:
    """Keep the stream that writes the table from running meanwhile; yields "", or that it is running."""
    if table.layer not in _STREAMED:
        yield ""
        return
    try:
        with only_run(shared_ops, table.layer, by=COMMAND):
            yield ""
    except RunningError as error:
        yield error.problem


def main(argv: Sequence[str] | None = None) -> None:
    parser = job_parser(__doc__ or "")
    parser.add_argument("tables", nargs="*", metavar="TABLE", help="e.g. bronze.events (default: all)")
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would go and what stays, and change nothing"
    )
    args = parser.parse_args(argv)
    settings, tables = load_settings(), [find_table(name) for name in args.tables]
    with on_demand(lambda: spark_session(JOB)) as session:
        done = run(settings, tables, session=session, now=datetime.now(UTC), dry_run=args.dry_run)
    sys.stdout.write("".join(f"{line}\n" for line in lines(done, dry_run=args.dry_run)))


def lines(done: Maintenance, *, dry_run: bool) -> Iterator[str]:
    for kept in done.tables:
        found = kept.expiry
        yield f"{found.table.sql_name}: {found.size:,} bytes; kept from version {found.begin}: {found.need.reason}"
        if kept.retired is not None:
            yield f"  {retired_line(kept.retired, dry_run=dry_run)}"
        yield from (f"  waits: {what}" for what in kept.waits)
    yield f"{'would free' if dry_run else 'freed'} {done.size:,} bytes"


def retired_line(retired: Retired, *, dry_run: bool) -> str:
    what = "would be removed" if dry_run else "removed"
    return f"{retired.rows:,} rows that bronze read before {retired.until:%Y-%m-%d} {what} (bronze.keep_days)"


def described(done: Maintenance) -> dict[str, Any]:
    """The run as JSON data."""
    return {
        "freed_bytes": done.size,
        "tables": [
            {
                "table": kept.expiry.table.sql_name,
                "freed_bytes": kept.expiry.size,
                "files": len(kept.expiry.files),
                "kept_from_version": kept.expiry.begin,
                "kept_since": kept.expiry.since,
                "needed_from_version": kept.expiry.need.version,
                "reason": kept.expiry.need.reason,
                "small_files_joined": kept.small_files,
                "rows_removed": kept.retired.rows if kept.retired else 0,
                "rows_removed_before": kept.retired.until if kept.retired else None,
                "waits": list(kept.waits),
            }
            for kept in done.tables
        ],
        "check_pages": len(done.leftovers.pages) if done.leftovers else 0,
    }


if __name__ == "__main__":
    run_job(main)
