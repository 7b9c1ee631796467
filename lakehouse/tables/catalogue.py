"""All tables, in the order of the layers and of their declarations."""

import difflib

from lakehouse.errors import TableError
from lakehouse.tables import bronze, gold, ops, quality, silver
from lakehouse.tables.declaration import Job, Table

CATALOGUE: tuple[Table, ...] = tuple(
    declared
    for layer in (bronze, silver, gold, quality, ops)
    for declared in vars(layer).values()
    if isinstance(declared, Table)
)


def layer_tables(layer: str) -> tuple[Table, ...]:
    """The tables of one layer, in the order of the catalogue."""
    return tuple(table for table in CATALOGUE if table.layer == layer)


def gated_tables(layer: str) -> tuple[Table, ...]:
    """The tables without which no version of the layer is accepted."""
    return tuple(table for table in layer_tables(layer) if table.is_gated)


def gold_jobs(*, after_gate: bool) -> tuple[Job, ...]:
    """The jobs that a run of gold takes, in the order of their first table, before its gate or after it."""
    tables = [table for table in layer_tables("gold") if (table.gate == "after") == after_gate]
    return tuple(dict.fromkeys(table.made_by for table in tables if table.made_by.step))


def written_by(job: str) -> tuple[Table, ...]:
    """The tables that the job with this module may write."""
    if job == "silver.replay":
        return layer_tables("silver")
    made = "gold.recommend" if job == "gold.roll_back" else job
    return tuple(table for table in CATALOGUE if table.made_by.module == made)


def find_table(sql_name: str) -> Table:
    """The table of this SQL name (`silver.users`). Raises TableError naming the closest one."""
    by_name = {table.sql_name: table for table in CATALOGUE}
    if sql_name.lower() in by_name:
        return by_name[sql_name.lower()]
    close = difflib.get_close_matches(sql_name.lower(), by_name, n=1, cutoff=0.4)
    hint = f"did you mean {close[0]}?" if close else "tables: " + ", ".join(by_name)
    raise TableError(f"no table {sql_name!r} in this lakehouse", todo=hint)
