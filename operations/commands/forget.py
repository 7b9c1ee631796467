"""`lakehouse forget USER_ID...`: remove people from everything that is stored, and keep their late events out."""

import argparse
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from deltalake.exceptions import DeltaError

from lakehouse.errors import InputError, first_line
from lakehouse.forgotten import read_forgotten, remember
from lakehouse.history.backlog import silver_backlog
from lakehouse.history.damage import require_whole_checkpoints, require_whole_logs
from lakehouse.lakehouse import Lakehouse
from lakehouse.locks import only_run
from lakehouse.settings import Settings
from lakehouse.spark.checkpoints import last_batch
from lakehouse.tables import GOLD_AFFINITY
from lakehouse.tables.declaration import checks_in
from maintenance.maintain import LOCK
from operations.call import Call
from operations.commands.unknown import as_in_silver
from operations.confirmation import confirm
from operations.output import print_json, print_table
from operations.person.files import clean_files
from operations.person.forgetting import TABLES, forget_everywhere
from operations.person.purging import let_rows_change, purge
from operations.person.searching import files_naming

# Whoever writes what is about to be rewritten.
_WRITERS = ("bronze", "silver", "rebuild-silver", "gold.models", GOLD_AFFINITY.sql_name, LOCK)


class Outcome(NamedTuple):
    """Rows changed or removed by table; files changed or deleted; the first version that each table still has; and
    the files that name somebody all the same, of those searched."""

    rows: Mapping[str, int]
    files: list[str]
    kept_from: Mapping[str, int]
    naming: Mapping[str, int]
    searched: int


def run(args: argparse.Namespace, call: Call) -> int:
    user_ids = {as_in_silver(one) for one in (*args.user_ids, *(_listed(args.file) if args.file else ()))}
    if not user_ids and not read_forgotten(call.settings.root).pseudonyms:
        raise InputError("nobody to forget", todo="name a USER_ID, or a file of them with --file")
    confirm(f"forget {len(user_ids)} people for good, and every older version of the tables?", yes=args.yes)
    done = forget(call.settings, user_ids)
    if args.json:
        print_json(done._asdict())
    else:
        _show(done)
    return 1 if done.naming else 0


def forget(settings: Settings, user_ids: set[str]) -> Outcome:
    """Forget these people; without any, finish a run that was cut off and remove what has arrived late since.

    Raises RunningError while a stream, gold or maintenance runs, InputError if silver has not read all of bronze.
    """
    lake = Lakehouse(settings.root)
    with _alone(settings.shared_ops):
        _require_all_read(lake)
        _require_writable(lake)
        forgotten = remember(lake.root, user_ids)
        let_rows_change(lake)
        rows = forget_everywhere(lake, forgotten)
        files = clean_files(lake, settings.ops_dir, forgotten)
        kept_from = purge(lake, keep_days=settings.bronze.keep_days)
        naming, searched = files_naming(lake.folder, user_ids) if user_ids else ({}, 0)
    return Outcome(rows, files, kept_from, naming, searched)


@contextmanager
def _alone(shared_ops: str) -> Iterator[None]:
    with ExitStack() as held:
        for writer in _WRITERS:
            held.enter_context(only_run(shared_ops, writer, by="lakehouse forget"))
        yield


def _require_all_read(lake: Lakehouse) -> None:
    """Raise InputError if a stream has yet to read files of bronze: those that name somebody are deleted."""
    require_whole_checkpoints(lake.root)
    require_whole_logs(lake.root, "bronze", "silver")
    checkpoint = lake.folder / "checkpoints" / "silver"
    if (lake.folder / "rebuild").names():
        raise InputError("a rebuild of silver is not complete", todo="finish it: lakehouse rebuild silver")
    is_behind = silver_backlog(lake, now=datetime.now(UTC)).rows != 0
    if is_behind or last_batch(checkpoint / "offsets") > last_batch(checkpoint / "commits"):
        raise InputError("silver has not read all of bronze", todo="first: lakehouse run --select silver")


def _require_writable(lake: Lakehouse) -> None:
    """Raise InputError for a constraint that delta-rs cannot check: it would stop in the middle."""
    for table in filter(lake.exists, TABLES):
        for name, condition in checks_in(lake.delta(table).metadata().configuration).items():
            try:
                lake.query(f"SELECT 1 FROM rows WHERE NOT ({condition}) LIMIT 0", rows=table)  # noqa: S608
            except (DeltaError, InputError) as error:
                raise InputError(
                    f"delta-rs cannot check {name}, a constraint of {table.sql_name}: {first_line(error)}",
                    todo="lakehouse run --select silver updates it; if it is your own, drop it meanwhile",
                ) from error


def _listed(file: Path) -> list[str]:
    """The ids in a file, one a line."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"cannot read {file}: {first_line(error)}", todo="name a UTF-8 file, an id a line"
        ) from error
    return [line for line in text.splitlines() if line.strip()]


def _show(done: Outcome) -> None:
    rows = [(name, done.rows.get(name, 0), version) for name, version in done.kept_from.items()]
    print_table(("table", "rows changed or removed", "readable from version"), rows)
    for path in done.files:
        print(f"changed or deleted: {path}")
    for path, count in done.naming.items():
        print(f"FAULT  {path} still names them {count} times")
    if done.searched and not done.naming:
        print(f"searched {done.searched:,} files: none of them names them any more")
    print("Kafka keeps their records for as long as its retention says (kafka.retention_ms)")
    print("lists and exports without them: lakehouse run --select gold, lakehouse export, lakehouse report")
