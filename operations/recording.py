"""Which commands leave a row in ops.runs, and which tables they may write."""

import argparse
import shlex
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lakehouse.settings import Settings

if TYPE_CHECKING:  # config and doctor must also work without pyspark
    from lakehouse.tables import Table

# The commands that write, and the action that does if the command has several.
_WRITING = {
    **dict.fromkeys(("demo", "up", "run", "check", "rebuild", "export", "restore", "forget")),
    "quarantine": "replay",
    "models": "rollback",
}


def record_command(
    work: Callable[[], int], args: argparse.Namespace, argv: Sequence[str], settings: Settings
) -> int:
    """The exit code of the command's work, which is recorded if the command writes."""
    if args.command not in _WRITING or getattr(args, "action", None) != _WRITING[args.command]:
        return work()
    from lakehouse.runs.recording import recorded
    from lakehouse.runs.run import Work

    what = Work(args.command, _called(args, argv), _written(args))
    return recorded(work, what, root=settings.root, openlineage=settings.openlineage)


def _called(args: argparse.Namespace, argv: Sequence[str]) -> str:
    """The call, without what may name a person: the table keeps its rows."""
    if args.command == "forget":
        return "lakehouse forget"
    arguments = [args.command, args.action] if args.command == "quarantine" else argv
    return shlex.join(["lakehouse", *arguments])


def _written(args: argparse.Namespace) -> "tuple[Table, ...]":
    """The tables that the command may write, without those of its steps: each is a run of its own."""
    from lakehouse.tables import find_table, layer_tables, written_by

    if args.command == "restore":
        return (find_table(args.table),)
    if args.command == "rebuild":
        return layer_tables("silver") if args.layer == "silver" else ()
    jobs = {
        "up": ("bronze.ingest", "silver.refine"),  # as long as it runs
        "check": ("quality.check",),
        "quarantine": ("silver.replay",),
        "models": ("gold.roll_back", "quality.check", "gold.export_powerbi"),
    }
    return tuple(table for job in jobs.get(args.command, ()) for table in written_by(job))
