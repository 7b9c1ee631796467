"""The differences between two versions: every kind of change, each column, NULLs, maps and repeated keys."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import SILVER_USERS
from operations.differences import Difference, compare_versions, shared_columns

SCHEMA = pa.schema(
    [
        *(("id", pa.string()), ("name", pa.string()), ("tags", pa.list_(pa.string()))),
        *(("counts", pa.map_(pa.string(), pa.int64())), ("inner", pa.struct([("a", pa.list_(pa.string()))]))),
    ]
)
Row = tuple[Any, ...]
SAME = ("same", "Ana", ["a"], {"x": 1, "y": 2}, {"a": ["i"]})


def table(*rows: Row) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(SCHEMA.names, row, strict=False)) for row in rows], schema=SCHEMA)


def differences(root: Path, before: pa.Table, after: pa.Table, *, limit: int = 20) -> Difference:
    lake = Lakehouse(root)
    for rows in (before, after):
        write_deltalake(lake.path(SILVER_USERS), rows, mode="overwrite", schema_mode="overwrite")
    columns = shared_columns(lake, SILVER_USERS, 0, 1)
    return compare_versions(lake, SILVER_USERS, 0, 1, columns=columns, key=["id"], limit=limit)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([SAME], [SAME], []),
        ([], [SAME], [("added", "same", [], None, "Ana")]),
        ([SAME], [], [("removed", "same", [], "Ana", None)]),
        ([SAME], [("same", "Eva", *SAME[2:])], [("changed", "same", ["name"], "Ana", "Eva")]),
        # NULL equals NULL ...
        ([("n", None, None, None, None)], [("n", None, None, None, None)], []),
        # ... and nothing else, not even an empty value
        (
            [("n", None, None, None, None)],
            [("n", "", [], {}, {"a": []})],
            [("changed", "n", ["name", "tags", "counts", "inner"], None, "")],
        ),
        # the order of an array matters, that of a map's entries does not
        ([("o", "Ana", ["a", "b"])], [("o", "Ana", ["b", "a"])], [("changed", "o", ["tags"], "Ana", "Ana")]),
        ([("m", "Ana", None, {"x": 1, "y": 2})], [("m", "Ana", None, {"y": 2, "x": 1})], []),
        (
            [("m", "Ana", None, {"x": 1})],
            [("m", "Ana", None, {"x": 2})],
            [("changed", "m", ["counts"], "Ana", "Ana")],
        ),
        (
            [("s", "Ana", None, None, {"a": ["i"]})],
            [("s", "Ana", None, None, {"a": [None]})],
            [("changed", "s", ["inner"], "Ana", "Ana")],
        ),
        # a key with two rows on the right and one on the left: one added row, and none counted twice
        ([SAME], [SAME, SAME], [("added", "same", [], None, "Ana")]),
        ([SAME, SAME], [SAME, SAME], []),
        ([SAME, ("same", "Eva")], [SAME], [("removed", "same", [], "Eva", None)]),
        # different keys are different rows, whatever they contain
        (
            [("p", "Ana")],
            [("q", "Ana")],
            [("added", "q", [], None, "Ana"), ("removed", "p", [], "Ana", None)],
        ),
    ],
    ids=[
        *("same", "added", "removed", "changed", "nulls", "null and empty", "order of an array", "order of a map"),
        *(
            "value of a map",
            "inside a struct",
            "one more of a key",
            "two of a key",
            "one less of a key",
            "other key",
        ),
    ],
)
def test_a_difference(tmp_path: Path, before: list[Row], after: list[Row], expected: list[Row]) -> None:
    found = differences(tmp_path, table(*before), table(*after))
    shown = [
        (row.change, row.key["id"], row.columns, (row.before or {}).get("name"), (row.after or {}).get("name"))
        for row in found.rows
    ]
    assert shown == expected
    kinds = [row[0] for row in expected]
    assert found[:3] == (kinds.count("added"), kinds.count("changed"), kinds.count("removed"))
    assert found.columns == {name: 1 for row in expected for name in row[2]}


def test_a_column_that_one_side_lacks_is_not_compared(tmp_path: Path) -> None:
    """Nor is a column whose type changed: then the contract differs."""
    before = table(SAME).append_column("old", pa.array([1])).append_column("kind", pa.array(["1"]))
    after = table(SAME).append_column("new", pa.array([2])).append_column("kind", pa.array([1]))
    found = differences(tmp_path, before, after)
    assert (found[:3], found.rows) == ((0, 0, 0), [])
    assert sorted(found.not_compared) == ["kind", "new", "old"]


def test_counts_are_of_all_rows_and_the_shown_ones_come_in_order(tmp_path: Path) -> None:
    before, after = [(f"k{at}", "Ana") for at in range(5)], [(f"k{at}", "Eva") for at in range(1, 7)]
    found = differences(tmp_path, table(*before), table(*after), limit=4)
    assert (found[:3], found.columns) == ((2, 4, 1), {"name": 4})
    assert [(row.change, row.key["id"]) for row in found.rows] == [
        *(("added", "k5"), ("added", "k6"), ("changed", "k1"), ("changed", "k2"))
    ]
