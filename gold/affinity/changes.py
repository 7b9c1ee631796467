"""Which rows of a gold table a run recomputes: those whose inputs changed since the previous run."""

import ast
import hashlib
import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import ModuleType
from typing import NamedTuple

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from gold.inputs import Inputs
from lakehouse.errors import first_line
from lakehouse.history.commits import KEEP_ROWS, commit, commits
from lakehouse.lakehouse import Lakehouse
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import Table, find_table

log = logging.getLogger(__name__)

# Every run that finds changes adds a file or two; beyond this number they are compacted.
MOST_FILES = 50


class Derivation(NamedTuple):
    """What the rows of a gold table depend on besides its inputs: settings, and the code that computes them."""

    settings: tuple[object, ...]
    code: tuple[ModuleType, ...]


class ChangedKeys(NamedTuple):
    """The keys whose rows must be recomputed; None for all, with the reason."""

    keys: list[str] | None
    why_all: str = ""


NO_BASE = ChangedKeys(None, why_all="no earlier run with this code and these settings to build on")
FULL_HELP = "compute all rows, not only those whose inputs changed since the last run"


def fingerprint(root: str, versions: Mapping[str, int], recipe: Derivation) -> str:
    """An id that is equal for the same recipe and the same commits of the inputs.

    A commit is identified by its time: a recreated or restored table has other commits under the same versions.
    """
    times = [f"{name} {version} {_written_at(root, name, version)}" for name, version in sorted(versions.items())]
    code = [canonical(inspect.getsource(module)) for module in recipe.code]
    return hashlib.sha256("\0".join([*times, repr(recipe.settings), *code]).encode()).hexdigest()[:12]


def canonical(source: str) -> str:
    """The code without comments, docstrings and layout: equal texts do the same in the same way."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            del node.body[0]
    return ast.dump(tree)


def known_lineage(lake: SparkLakehouse, table: Table, recipe: Derivation) -> Mapping[str, int] | None:
    """The input versions that this recipe made the table's rows from; None if it did not.

    None for rows that somebody restored or changed manually, and if an input table was recreated.
    """
    lake.ensure(table)
    for one in commits(lake.in_process, table):
        inputs = one.user_metadata.get("inputs")
        if inputs:
            same = one.user_metadata.get("made_by") == fingerprint(lake.root, inputs, recipe)
            return dict(inputs) if same else None
        if one.operation not in KEEP_ROWS:
            return None
    return None


def changed_keys(
    lake: SparkLakehouse,
    inputs: Inputs,
    table: Table,
    before: Mapping[str, int],
    *,
    key: str,
    columns: Sequence[str],
    most: int,
) -> ChangedKeys:
    """The values of `key` whose rows of an input differ, in these columns, from the version in `before`.

    All if the table went back to an older version, its change feed cannot be read, or more than `most` changed.
    """
    name = table.sql_name
    then, now = before[name], inputs.versions[name]
    if now < then:
        return ChangedKeys(None, why_all=f"{name} is at an older version than before")
    if now == then:
        return ChangedKeys([])
    try:
        feed = lake.changes(table, after=then, up_to=now)
        rows = net_changes(feed, columns).select(key).distinct().limit(most + 1).collect()
    except (PySparkException, Py4JJavaError) as error:
        return ChangedKeys(None, why_all=f"the change feed of {name} cannot be read: {first_line(error)}")
    if len(rows) > most:
        return ChangedKeys(None, why_all=f"too many rows of {name} changed")
    return ChangedKeys(sorted(row[key] for row in rows))


def net_changes(feed: DataFrame, columns: Sequence[str]) -> DataFrame:
    """The rows that occur a different number of times before and after a change feed, in these columns."""
    added = F.col("_change_type").isin("insert", "update_postimage")
    more = F.sum(F.when(added, 1).otherwise(-1)).alias("more")
    return feed.groupBy(*columns).agg(more).where("more != 0").select(*columns)


def only(rows: DataFrame, column: str, changed: ChangedKeys) -> DataFrame:
    """The rows with the changed keys, or all rows."""
    if changed.keys is None:
        return rows
    keys = rows.sparkSession.createDataFrame([(key,) for key in changed.keys], f"{column} string")
    return rows.join(F.broadcast(keys), on=column, how="left_semi")


def write_changes(
    make: Callable[[], DataFrame],
    lake: SparkLakehouse,
    table: Table,
    *,
    key: str,
    changed: ChangedKeys,
    inputs: Inputs,
    recipe: Derivation,
) -> None:
    """Replace the rows of the changed keys, or all rows, with those that `make` returns, in one commit.

    The commit records what the rows were made from. If nothing changed, `make` is not called and it has no rows.
    """
    versions, made_by = inputs.versions, fingerprint(lake.root, inputs.versions, recipe)
    if changed.keys is None:
        log.info("%s: all rows are computed: %s", table.sql_name, changed.why_all)
        lake.overwrite(make(), table, input_versions=versions, made_by=made_by)
    elif changed.keys:
        log.info("%s: the rows of %d %ss are recomputed", table.sql_name, len(changed.keys), key)
        lake.overwrite_where(
            make(), table, column=key, values=changed.keys, input_versions=versions, made_by=made_by
        )
        if lake.detail(table).files > MOST_FILES:
            lake.delta_table(table).optimize().executeCompaction()
    else:
        lake.note_inputs(table, input_versions=versions, made_by=made_by)


def _written_at(root: str, name: str, version: int) -> datetime | None:
    written = commit(Lakehouse(root), find_table(name), version)
    return None if written is None else written.written_at
