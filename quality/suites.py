"""Which tables have a suite, and which tables a selection names."""

from collections.abc import Sequence

from lakehouse.errors import InputError
from lakehouse.tables import CATALOGUE, Table, find_table, layer_tables

LAYERS = ("silver", "gold")


def has_suite(table: Table) -> bool:
    """Whether the table has expectations besides its contract; quality.validation finds them by its name."""
    return table.gate in ("decides", "after")


def tables_of(layer: str) -> tuple[Table, ...]:
    """The tables that a gate checks; for gold, those that the export is made from."""
    return tuple(table for table in layer_tables(layer) if table.gate in ("decides", "reports"))


def require_one_table(names: Sequence[str], *, version: int | None) -> None:
    """Raise InputError if a version is given and the names are not exactly one table."""
    if version is not None and (len(names) != 1 or names[0] in LAYERS):
        raise InputError(f"--version {version} without one table", todo="name the one table that it belongs to")


def selected_tables(names: Sequence[str]) -> tuple[Table, ...]:
    """The tables of these names and layers, or all if none are given, in the catalogue's order.

    Raises TableError for an unknown name, InputError for a table that has no suite.
    """
    if not names:
        return tuple(table for table in CATALOGUE if table.layer in LAYERS)
    chosen: set[str] = set()
    for name in names:
        tables = tables_of(name) if name in LAYERS else (find_table(name),)
        for table in tables:
            if table.layer not in LAYERS:
                raise InputError(
                    f"{table.sql_name} has no suite", todo="check silver, gold, or one of their tables"
                )
            chosen.add(table.sql_name)
    return tuple(table for table in CATALOGUE if table.sql_name in chosen)
