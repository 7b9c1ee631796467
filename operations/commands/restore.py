"""`lakehouse restore TABLE VERSION`: give a table the rows of an older version, in one new commit."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from lakehouse.errors import InputError, TableError, first_line
from lakehouse.history.snapshots import Snapshot, read_snapshot
from lakehouse.lakehouse import Lakehouse
from lakehouse.locks import only_run
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import GOLD_MODELS, Table, find_table
from maintenance.maintain import LOCK
from operations.call import Call
from operations.confirmation import confirm

# Who holds the writer's lock meanwhile.
_BY = "lakehouse restore"
_CONSEQUENCES = {
    "silver": (
        "stream 2 stops: it refuses to continue from a restored table, because it would not apply again what "
        "the table loses.",
        "`lakehouse rebuild silver` builds silver again from bronze: the stream continues, the restore is undone.",
        "`lakehouse run --select gold` builds gold from the restored rows; until then gold does not change.",
    ),
    "gold": (
        "no stream is affected: bronze and silver do not change.",
        "the next gold run builds this table from silver again; the CSV and other gold tables do not change.",
    ),
}


def run(args: argparse.Namespace, call: Call) -> int:
    table = find_table(args.table)
    settings = call.settings
    _refuse(table)
    lake = Lakehouse(settings.root)
    now, then = read_snapshot(lake, table), read_snapshot(lake, table, args.version)
    if now.version == then.version:
        raise InputError(
            f"{table.sql_name} is already at version {now.version}",
            todo="choose an older version: lakehouse history",
        )
    for line in plan(table, now, then):
        print(line)
    confirm(f"restore {table.sql_name} to version {then.version}?", yes=args.yes)
    with _alone(settings.shared_ops, table), call.spark() as spark:
        made = restore(SparkLakehouse(settings.root, spark), table, then.version)
    print(f"{table.sql_name} is at version {made}, with the rows of version {then.version}")
    return 0


def plan(table: Table, now: Snapshot, then: Snapshot) -> Iterator[str]:
    """What will happen, a line each, before anything does."""
    yield f"{table.sql_name}, version {now.version} ({_rows(now)}), gets the rows of version {then.version} " + (
        f"({_rows(then)})"
    )
    yield f"  nothing is deleted: version {now.version} stays readable, and restoring it undoes this."
    for line in _CONSEQUENCES[table.layer]:
        if table.accumulates and line.startswith("the next gold run"):
            line = "the rows that the table loses are not built again; later runs append theirs."
        yield f"  {line}"
    if table.layer == "gold" and table.is_gated:
        yield "  exports show the last version that passed; `lakehouse check gold` checks the restored rows."


def restore(lake: SparkLakehouse, table: Table, version: int) -> int:
    """Restore the old rows and return the new version. Raises TableError if files of the old one are gone."""
    try:
        lake.delta_table(table).restoreToVersion(version)
    except (PySparkException, Py4JJavaError) as error:
        raise TableError(
            f"{table.sql_name} cannot be restored to version {version}: {first_line(error)}",
            todo="choose a version that lakehouse history lists",
        ) from error
    return lake.version(table)


def _refuse(table: Table) -> None:
    """Delta would allow it, but what Kafka sent and what people decided would be gone for good."""
    if table == GOLD_MODELS:  # its rows and the models' files belong together
        raise InputError(
            f"{table.sql_name} cannot be restored: the models' files would not come back with its rows",
            todo="lakehouse models rollback publishes an older model",
        )
    if table.append_only:
        raise InputError(
            f"{table.sql_name} is append-only and cannot be restored: nothing would bring back the rows it loses",
            todo=f"query an older version instead: lakehouse sql, {table.sql_name} VERSION AS OF ...",
        )


@contextmanager
def _alone(shared_ops: str, table: Table) -> Iterator[None]:
    """Keep stream 2 or gold's training, and `lakehouse maintain`, from running meanwhile.

    Raises RunningError if one of them is running.
    """
    writer = "silver" if table.layer == "silver" else "gold.models"
    with only_run(shared_ops, writer, by=_BY), only_run(shared_ops, LOCK, by=_BY):
        yield


def _rows(snapshot: Snapshot) -> str:
    return "rows unknown" if snapshot.rows is None else f"{snapshot.rows:,} rows"
