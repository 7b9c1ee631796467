"""The semantic model as TMDL: tables, columns, relationships, measures and queries, from the contracts alone."""

import json
from typing import NamedTuple

from gold.powerbi.project.ids import stable_id
from gold.powerbi.project.measures import Measure, measures
from gold.powerbi.project.queries import Query, shared_queries, table_query
from gold.powerbi.project.tables import Column, Exported
from lakehouse.tables import PowerBiKey

# Compatibility level of Power BI import models; the lowest that supports everything used here.
COMPATIBILITY = 1567

_TYPES = {
    "text": ("string", ""),
    "texts": ("string", ""),
    "whole": ("int64", "0"),
    "number": ("double", "0.00##"),
    "truth": ("boolean", '"""TRUE"";""TRUE"";""FALSE"""'),
    "date": ("dateTime", "yyyy-mm-dd"),
    "moment": ("dateTime", "yyyy-mm-dd hh:nn:ss"),
}


class Relation(NamedTuple):
    """A many-to-one relationship: `table`.`column` -> `to_table`.`to_column`."""

    table: str
    column: str
    to_table: str
    to_column: str


RELATIONS = (
    Relation("recommendations", "user_key", "users", "user_key"),
    Relation("recommendations", "content_key", "content", "content_key"),
    Relation("popularity", "content_key", "content", "content_key"),
)


def model_files(tables: tuple[Exported, ...], root: str, *, source: str) -> dict[str, str]:
    """The files of the model's `definition` folder, by their path in it."""
    queries = shared_queries(root, source=source)
    shown = measures(tuple(table.name for table in tables))
    files = {
        "database.tmdl": f"database\n\tcompatibilityLevel: {COMPATIBILITY}\n",
        "model.tmdl": _model(tables, queries),
        "expressions.tmdl": "\n".join(_expression(query) for query in queries),
        "relationships.tmdl": "\n".join(_relationship(relation) for relation in RELATIONS),
    }
    for table in tables:
        own = tuple(measure for measure in shown if measure.table == table.name)
        files[f"tables/{table.name}.tmdl"] = _table(table, own, root)
    return files


def _model(tables: tuple[Exported, ...], queries: tuple[Query, ...]) -> str:
    order = json.dumps([*[query.name for query in queries], *[table.name for table in tables]])
    lines = [
        "model Model",
        "\tculture: en-US",
        "\tdefaultPowerBIDataSourceVersion: powerBI_V3",
        "\tsourceQueryCulture: en-US",
        "\tdataAccessOptions",
        "\t\tlegacyRedirects",
        "\t\treturnErrorValuesAsNull",
        "",
        f"\tannotation PBI_QueryOrder = {order}",
        "",
        "\tannotation __PBI_TimeIntelligenceEnabled = 0",
        "",
        *[f"ref table {table.name}" for table in tables],
    ]
    return "\n".join(lines) + "\n"


def _expression(query: Query) -> str:
    first, *rest = query.expression.splitlines()
    body = [f" {first}"] if not rest else ["", *[f"\t\t{line}" for line in (first, *rest)]]
    head = [f"/// {query.description}", f"expression {query.name} ="]
    kind = "Text" if " meta " in first or not rest else "Function"
    tail = [f"\tlineageTag: {stable_id('query', query.name)}", "", f"\tannotation PBI_ResultType = {kind}", ""]
    return "\n".join([head[0], head[1] + body[0], *body[1:], *tail])


def _relationship(relation: Relation) -> str:
    return (
        f"relationship {stable_id('relation', *relation)}\n"
        f"\tfromColumn: {relation.table}.{relation.column}\n"
        f"\ttoColumn: {relation.to_table}.{relation.to_column}\n"
    )


def _table(table: Exported, own: tuple[Measure, ...], root: str) -> str:
    query = "\n".join(f"\t\t\t{line}".rstrip() for line in table_query(table, root).splitlines())
    parts = [
        f"/// {_sentence(table.source.row)} From {table.source.sql_name}.",
        f"table {table.name}",
        f"\tlineageTag: {stable_id('table', table.name)}",
        "",
        *[_measure(measure) for measure in own],
        *[_column(table, column) for column in table.columns],
        *[_key(table, key) for key in table.keys],
        f"\tpartition {table.name} = m",
        "\t\tmode: import",
        "\t\tsource =",
        query,
        "",
    ]
    return "\n".join(parts)


def _measure(measure: Measure) -> str:
    shown = f"\t\tformatString: {measure.format}\n" if measure.format else ""
    return (
        f"\t/// {measure.description}\n"
        f"\tmeasure '{measure.name}' = {measure.formula}\n"
        f"{shown}\t\tlineageTag: {stable_id('measure', measure.name)}\n"
    )


def _column(table: Exported, column: Column) -> str:
    kind, shown = _TYPES[column.kind]
    description = table.source.descriptions[column.name]
    lines = [f"\t/// {_sentence(description)}"] if description else []
    lines += [f"\tcolumn {column.name}", f"\t\tdataType: {kind}"]
    if shown:
        lines.append(f"\t\tformatString: {shown}")
    lines += [
        f"\t\tlineageTag: {stable_id('column', table.name, column.name)}",
        "\t\tsummarizeBy: none",
        f"\t\tsourceColumn: {column.name}",
        "",
    ]
    if column.kind == "date":
        lines += ["\t\tannotation UnderlyingDateTimeDataType = Date", ""]
    return "\n".join(lines)


def _key(table: Exported, key: PowerBiKey) -> str:
    """Hidden if it refers to another table: users use that table's column."""
    lines = [
        f"\t/// {key.id}, distinct for Power BI too, which compares without case.",
        f"\tcolumn {key.name}",
        "\t\tdataType: string",
        *(["\t\tisHidden"] if (key.id,) != table.source.key else []),
        f"\t\tlineageTag: {stable_id('column', table.name, key.name)}",
        "\t\tsummarizeBy: none",
        f"\t\tsourceColumn: {key.name}",
        "",
    ]
    return "\n".join(lines)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
