"""docs/tables.md, written from the declarations: python -m lakehouse.tables.page > docs/tables.md"""

from collections.abc import Iterator

from pyspark.sql.types import StructField

from lakehouse.tables.catalogue import CATALOGUE
from lakehouse.tables.declaration import Table, comment_of

_INTRODUCTION = """\
# Tables

A table is a folder `<root>/<layer>/<name>`; in SQL it is `<layer>.<name>`. It is declared once, in
`lakehouse/tables/`: schema, key, constraints, properties, what makes it, and a description of the table and of
each column. Delta keeps the descriptions as comments, and Power BI shows them. This page is written from the
declarations: `make docs`.

Bronze is append-only, apart from its [retention](operations.md#retention-of-bronze). Silver publishes a change
data feed. Keys are NOT NULL, and ranges are CHECK constraints.
"""


def page(tables: tuple[Table, ...] = CATALOGUE) -> str:
    """The whole page: all tables, then each with its columns."""
    return "\n".join([_INTRODUCTION, *_overview(tables), *(line for table in tables for line in _section(table))])


def _overview(tables: tuple[Table, ...]) -> Iterator[str]:
    yield "| table | one row is | made by |"
    yield "| --- | --- | --- |"
    for table in tables:
        yield f"| [`{table.sql_name}`](#{_anchor(table)}) | {table.row} | `{table.made_by.script}` |"
    yield ""


def _section(table: Table) -> Iterator[str]:
    yield f"## {table.sql_name}"
    yield ""
    yield f"Key: {', '.join(f'`{name}`' for name in table.key)}. {_facts(table)}".rstrip()
    yield ""
    yield "| column | type | description |"
    yield "| --- | --- | --- |"
    for column in table.schema:
        yield f"| `{column.name}` | {_kind(column)} | {comment_of(column)} |"
    yield ""
    if table.checks:
        shown = (condition.replace("`", "") for condition in table.checks.values())
        yield "Constraints: " + ", ".join(f"`{condition}`" for condition in shown) + "."
        yield ""


def _facts(table: Table) -> str:
    facts = {
        "Append-only.": table.append_only,
        "May be empty.": table.may_be_empty,
        f"`{table.export.name if table.export else ''}` in Power BI.": table.export is not None,
    }
    return " ".join(fact for fact, holds in facts.items() if holds)


def _kind(column: StructField) -> str:
    return f"`{column.dataType.simpleString()}`{'' if column.nullable else ', not null'}"


def _anchor(table: Table) -> str:
    return table.sql_name.replace(".", "")


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - the page is what this prints
