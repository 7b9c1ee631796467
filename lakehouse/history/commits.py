"""What a table's commits say: who wrote its rows, from which inputs, and when. Read by delta-rs."""

from collections.abc import Iterator

from lakehouse.lakehouse import Commit, Lakehouse
from lakehouse.tables import Table

# Operations that leave every row of a table as it is: maintenance, and changes of its contract.
KEEP_ROWS = frozenset(
    {
        *("CREATE TABLE", "ADD COLUMNS", "CHANGE COLUMN", "ADD CONSTRAINT", "DROP CONSTRAINT"),
        *("SET TBLPROPERTIES", "UNSET TBLPROPERTIES", "UPGRADE PROTOCOL"),
        *("OPTIMIZE", "REORG", "VACUUM START", "VACUUM END"),
    }
)
# Most callers need the last commit or a few: each reading takes this many times as many.
_MORE = 8


def commits(lake: Lakehouse, table: Table, *, after: int = -1) -> Iterator[Commit]:
    """The commits with a version above `after`, newest first, read on demand; none if there is no table."""
    if not lake.exists(table):
        return
    seen, limit = 0, _MORE
    while True:
        found = lake.history(table, limit=limit)
        for one in found[seen:]:
            if one.version <= after:
                return
            yield one
        if len(found) < limit:
            return
        seen, limit = limit, limit * _MORE


def commit(lake: Lakehouse, table: Table, version: int) -> Commit | None:
    """The commit of this version; None if it is no longer in the log."""
    if version not in lake.versions(table):
        return None
    return lake.history(table, version=version, limit=1)[0]


def inputs_of(lake: Lakehouse, table: Table, version: int) -> dict[str, int] | None:
    """The versions of the tables that this version's rows were built from; None if no commit records them.

    Maintenance moves rows without creating them, and a restored table holds the rows of the version it names.
    """
    found = commit(lake, table, version)
    while found is not None:
        inputs = found.user_metadata.get("inputs")
        if isinstance(inputs, dict):
            return {str(name): int(number) for name, number in inputs.items()}
        restored = found.parameters.get("version") if found.operation == "RESTORE" else None
        found = commit(lake, table, found.version - 1 if restored is None else int(restored))
    return None


def rows_added(commit: Commit) -> int:
    """The rows that an append added, as Spark or delta-rs counted them; 0 for a commit that keeps all rows."""
    if commit.operation in KEEP_ROWS:
        return 0
    return commit.metric("numOutputRows", "num_added_rows")
