"""The differences between two versions of a table, by its key, found by DataFusion in this process."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from deltalake.schema import MapType

from lakehouse.lakehouse import Lakehouse
from lakehouse.sql import quoted
from lakehouse.tables import Table

ADDED, CHANGED, REMOVED = "added", "changed", "removed"


class Difference(NamedTuple):
    """Counts of rows; `columns` counts the changed rows per column. `rows` are the first of them.

    `not_compared` are columns that only one version has, or whose types differ.
    """

    added: int
    changed: int
    removed: int
    columns: dict[str, int]
    not_compared: list[str]
    rows: list["ChangedRow"]


class ChangedRow(NamedTuple):
    """One key whose rows differ; `columns` names those that do. A side without a row is None."""

    change: str
    key: dict[str, Any]
    columns: list[str]
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class Columns(NamedTuple):
    """The columns of two versions: `shared`, in the order of the newer one, have one type in both."""

    shared: list[str]
    not_shared: list[str]
    maps: frozenset[str]


def shared_columns(lake: Lakehouse, table: Table, before: int, after: int) -> Columns:
    old, new = ({field.name: field.type for field in _fields(lake, table, at)} for at in (before, after))
    shared = [name for name, kind in new.items() if old.get(name) == kind]
    others = [name for name in {**old, **new} if name not in shared]
    return Columns(shared, others, frozenset(name for name in shared if isinstance(new[name], MapType)))


def _fields(lake: Lakehouse, table: Table, version: int) -> list[Any]:
    return list(lake.delta(table, version).schema().fields)


def compare_versions(
    lake: Lakehouse, table: Table, before: int, after: int, *, columns: Columns, key: Sequence[str], limit: int
) -> Difference:
    """What changed in the shared columns, and the first rows by change and key.

    NULL equals NULL. Maps are compared, and returned, as sorted lists of their entries. If a key has several rows,
    they are paired in the order of their values, so that no row is counted twice.
    """
    versions = {"before": (table, before), "after": (table, after)}
    pairs = _pairs(columns, key, is_unique=_is_unique(lake, key, versions))
    counted = lake.query(f"{pairs} {_counts(columns)}", **versions).to_pylist()
    ordered = ", ".join(f'"key"[{_text(name)}] NULLS FIRST' for name in key)
    first = f"{pairs} SELECT * FROM changes ORDER BY change, {ordered}, nth LIMIT {limit}"  # noqa: S608
    rows = lake.query(first, **versions)
    numbers = {row["change"]: row for row in counted}
    changed = numbers.get(CHANGED, {})
    return Difference(
        **{kind: numbers.get(kind, {}).get("rows", 0) for kind in (ADDED, CHANGED, REMOVED)},
        columns={name: changed[f"d{at}"] for at, name in enumerate(columns.shared) if changed.get(f"d{at}")},
        not_compared=columns.not_shared,
        rows=[_changed(row, columns) for row in rows.to_pylist()],
    )


def _is_unique(lake: Lakehouse, key: Sequence[str], versions: Mapping[str, tuple[Table, int]]) -> bool:
    """Whether no key has several rows in a version, as contracts say: then the rows need no order."""
    listed = ", ".join(map(quoted, key))
    repeated = [f"SELECT 1 FROM {side} GROUP BY {listed} HAVING count(*) > 1" for side in versions]  # noqa: S608
    repeated_keys = lake.query(f"SELECT * FROM ({' UNION ALL '.join(repeated)}) LIMIT 1", **versions)  # noqa: S608
    return len(repeated_keys) == 0


def _pairs(columns: Columns, key: Sequence[str], *, is_unique: bool) -> str:
    """Common table expressions; one row of `changes` is one key whose rows differ, or a row without a partner."""
    same_row = " AND ".join(f"b.{name} = a.{name}" for name in [*_key(key), "nth"])
    differs = [f"b.c{at} IS DISTINCT FROM a.c{at} AS d{at}" for at in range(len(columns.shared))]
    any_differs = " OR ".join(f"d{at}" for at in range(len(columns.shared)))
    either = ", ".join(
        f"{_text(name)}, coalesce(b.{own}, a.{own})" for name, own in zip(key, _key(key), strict=True)
    )
    sides = ", ".join(f"named_struct({_fields_of(columns, side)}) AS {side}_row" for side in ("b", "a"))
    change = f"CASE WHEN b.nth IS NULL THEN '{ADDED}' WHEN a.nth IS NULL THEN '{REMOVED}' ELSE '{CHANGED}' END"
    return f"""
    WITH b AS ({_side("before", columns, key, is_unique)}), a AS ({_side("after", columns, key, is_unique)}),
    pairs AS (
        SELECT {change} AS change, named_struct({either}) AS "key", coalesce(b.nth, a.nth) AS nth,
            {", ".join(differs)}, {sides}
        FROM b FULL OUTER JOIN a ON {same_row}
    ),
    changes AS (SELECT * FROM pairs WHERE {any_differs} OR change <> '{CHANGED}')
    """  # noqa: S608 - names are quoted


def _side(side: str, columns: Columns, key: Sequence[str], is_unique: bool) -> str:
    """The side's rows: key columns k0..., compared columns c0..., and `nth`, the row's number under its key."""
    values = [_comparable(name, columns) for name in columns.shared]
    named = ", ".join(f"{value} AS c{at}" for at, value in enumerate(values))
    keys = ", ".join(f"{quoted(name)} AS {own}" for name, own in zip(key, _key(key), strict=True))
    nth = "1" if is_unique else f"row_number() OVER ({_window(values, key)})"
    return f"SELECT {keys}, {named}, {nth} AS nth FROM {side}"  # noqa: S608


def _window(values: Sequence[str], key: Sequence[str]) -> str:
    """The rows of each key in the order of their values."""
    order = ", ".join(f"{value} NULLS FIRST" for value in values)
    # counting ROWS: DataFusion's default frame, RANGE, needs an order that structs do not have
    frame = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
    return f"PARTITION BY {', '.join(map(quoted, key))} ORDER BY {order} {frame}"


def _comparable(name: str, columns: Columns) -> str:
    """The column as a value that can be compared: the entries of a map have no order of their own."""
    return f"array_sort(map_entries({quoted(name)}))" if name in columns.maps else quoted(name)


def _counts(columns: Columns) -> str:
    sums = ", ".join(f"count(*) FILTER (WHERE d{at}) AS d{at}" for at in range(len(columns.shared)))
    return f"SELECT change, count(*) AS rows, {sums} FROM changes GROUP BY change"  # noqa: S608


def _key(key: Sequence[str]) -> list[str]:
    return [f"k{at}" for at in range(len(key))]


def _fields_of(columns: Columns, side: str) -> str:
    return ", ".join(f"{_text(name)}, {side}.c{at}" for at, name in enumerate(columns.shared))


def _text(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"


def _changed(row: dict[str, Any], columns: Columns) -> ChangedRow:
    change = row["change"]
    differing = [name for at, name in enumerate(columns.shared) if row[f"d{at}"] and change == CHANGED]
    before = None if change == ADDED else row["b_row"]
    after = None if change == REMOVED else row["a_row"]
    return ChangedRow(change, row["key"], differing, before, after)
