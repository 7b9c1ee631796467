"""Which suite judges which table, and which tables a selection names."""

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType

from lakehouse.errors import InputError
from lakehouse.tables import CATALOGUE, Table, find_table, layer_tables
from quality import gold_suites, silver_suites
from quality.expectations import Suite, contract
from quality.subject import Subject

LAYERS = ("silver", "gold")

_MODULES: Mapping[str, ModuleType] = {"silver": silver_suites, "gold": gold_suites}


def suite_of(subject: Subject) -> Suite:
    """The table's own suite; a table without one is checked against its contract."""
    own = _own_suite(subject.table)
    return own(subject) if own else Suite(subject.rows, contract(subject))


def has_suite(table: Table) -> bool:
    return _own_suite(table) is not None


def _own_suite(table: Table) -> Callable[[Subject], Suite] | None:
    """The function of the table's name in the suites of its layer."""
    return getattr(_MODULES.get(table.layer), table.name, None)


def tables_of(layer: str) -> tuple[Table, ...]:
    """The tables that a gate checks; for gold, those that the export is made from."""
    return tuple(table for table in layer_tables(layer) if table.gate in ("decides", "reports"))


def require_one_table(names: Sequence[str], *, version: int | None) -> None:
    """Raise InputError if a version is given and the names are not exactly one table."""
    if version is not None and (len(names) != 1 or names[0] in LAYERS):
        raise InputError(f"--version {version} without one table", todo="name the table whose version it is")


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
                    f"{table.sql_name} has no suite", todo="check silver, gold, or a table of one of the two"
                )
            chosen.add(table.sql_name)
    return tuple(table for table in CATALOGUE if table.sql_name in chosen)
