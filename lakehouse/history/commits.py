"""What a table's commits say: who wrote its rows, from which inputs, and when. Read by delta-rs."""

from lakehouse.lakehouse import Commit, Lakehouse
from lakehouse.tables import Table


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
