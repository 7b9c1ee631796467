"""Which versions of each table somebody still needs: streams, gold, gates, and the promised time travel."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from lakehouse.folders import Folder
from lakehouse.history.acceptance import last_accepted
from lakehouse.history.backlog import silver_restarts_from
from lakehouse.history.commits import last_stream_commit, origin
from lakehouse.history.log import commit_times, table_log
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import GOLD_MODELS, Table, layer_tables

# What gold.models says of a model whose files are deleted.
_EXPIRED = "expired"


class Need(NamedTuple):
    """A table must stay readable from this version on, for this reason."""

    table: str
    version: int
    reason: str


def known_needs(lake: Lakehouse) -> list[Need]:
    """What the streams, gold's tables, its models and the gates need of every table."""
    return [*_of_bronze(lake), *_of_streams(lake.folder), *_of_gates(lake), *_of_gold(lake), *_of_models(lake)]


def promised(lake: Lakehouse, table: Table, since: datetime) -> Need:
    """The version that the table had at that time: from then on, every version can be read."""
    times = commit_times(table_log(lake.folder, table))
    earlier = [version for version, written_at in times.items() if written_at <= since]
    return Need(table.sql_name, max(earlier, default=min(times)), f"the versions since {since:%Y-%m-%d %H:%M} UTC")


def first_needed(lake: Lakehouse, table: Table, needs: Iterable[Need]) -> Need:
    """The need of this table that goes back furthest. A version that is gone already keeps nothing."""
    listed = set(lake.versions(table))
    own = [need for need in needs if need.table == table.sql_name and need.version in listed]
    return min(own, key=lambda need: need.version)


def _of_bronze(lake: Lakehouse) -> Iterator[Need]:
    """The last append of each of bronze's streams, however long ago: its next start looks for it."""
    for table in layer_tables("bronze"):
        last = last_stream_commit(lake, table)
        if last is not None:
            yield Need(table.sql_name, last.version, "its stream compares its checkpoint with it")


def _of_streams(root: Folder) -> Iterator[Need]:
    """What silver's stream reads when it starts again, and that of a rebuild that is not complete."""
    for name, version in silver_restarts_from(root).items():
        yield Need(name, version, "silver's stream has read up to it")
    for staging in (root / "rebuild").names():
        for name, version in silver_restarts_from(root / "rebuild" / staging).items():
            yield Need(name, version, "a rebuild of silver reads it")


def _of_gates(lake: Lakehouse) -> Iterator[Need]:
    for table in (*layer_tables("silver"), *layer_tables("gold")):
        version = _accepted(lake, table)
        if version is not None:
            yield Need(table.sql_name, version, "the last version that passed its checks")


def _of_gold(lake: Lakehouse) -> Iterator[Need]:
    """The inputs of each gold table at its newest and last accepted version, and the commits that name them."""
    for table in layer_tables("gold"):
        for version in _shown(lake, table):
            made = origin(lake, table, version)
            if made is None:
                continue
            yield Need(table.sql_name, made.version, "its commit says what the rows were built from")
            for name, number in made.inputs.items():
                yield Need(name, number, f"{table.sql_name} was built from it")


def _of_models(lake: Lakehouse) -> Iterator[Need]:
    """The versions that the saved models were trained on."""
    if not lake.exists(GOLD_MODELS):
        return
    columns, where = ("model_version", "input_versions"), f"status <> '{_EXPIRED}'"
    for row in lake.read(GOLD_MODELS, columns=columns, where=where).to_pylist():
        for name, version in row["input_versions"] or ():
            yield Need(name, version, f"model {row['model_version']} was trained on it")


def _shown(lake: Lakehouse, table: Table) -> set[int]:
    newest = lake.versions(table)[-1:]
    accepted = _accepted(lake, table)
    return {*newest, *(() if accepted is None else (accepted,))}


def _accepted(lake: Lakehouse, table: Table) -> int | None:
    found = last_accepted(lake.root, table)
    return None if found is None else found.version
