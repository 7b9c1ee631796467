"""How Power BI reads each table: the M queries and parameters of the semantic model, as text."""

import re
from typing import NamedTuple
from urllib.parse import quote

from gold.powerbi.project.tables import SEPARATOR, Column, Exported
from lakehouse.tables import PowerBiKey

# The folder of the exported files, under the lakehouse's root.
TABLES_FOLDER = "exports/tables"

_TYPES = {
    "text": "type text",
    "texts": "type text",
    "whole": "Int64.Type",
    "number": "type number",
    "truth": "type logical",
    "date": "type date",
    "moment": "type datetime",
}

_AZURE = re.compile(r"abfss?://(?P<container>[^@/]+)@(?P<host>[^/]+)(?P<path>.*)")


class Query(NamedTuple):
    """One named query of the model. `description` is shown in Power Query."""

    name: str
    expression: str
    description: str


def shared_queries(root: str, *, source: str) -> tuple[Query, ...]:
    """The parameters and functions that the queries of all tables use. `source`: csv or delta."""
    return (
        Query("LakehousePath", _parameter(address(root)), "The root folder of the lakehouse."),
        Query(
            "DataSource",
            _parameter(source, ("csv", "delta")),
            "csv: the exported files; delta: the Delta tables themselves.",
        ),
        Query("ParseCsv", _PARSE_CSV, "The rows of an exported file: UTF-8, RFC 4180; an empty field is null."),
        Query("ToUtc", _TO_UTC, "The moment in UTC, without a zone."),
        Query("ToKey", _TO_KEY, "The id in a form that stays distinct where text is compared without case."),
    )


def table_query(table: Exported, root: str) -> str:
    """The query of one table: reads its file or its Delta table, as DataSource says, into the same shape."""
    folder, file = _readers(root)
    names = ", ".join(literal(column.name) for column in table.columns)
    types = ", ".join(f"{{{literal(column.name)}, {_TYPES[column.kind]}}}" for column in table.columns)
    steps = ",\n".join(
        f"    {step}"
        for step in (
            # the separator that Windows paths need, whatever machine the lakehouse is on
            'Slash = if Text.Contains(LakehousePath, "\\") then "\\" else "/"',
            f"Csv = ParseCsv({file.format(_path(*TABLES_FOLDER.split('/'), table.name + '.csv'))})",
            f"Delta = DeltaLake.Table({folder.format(_path(table.source.layer, table.source.name))})",
            f"Flat = {_flattened(table.columns)}",
            f'Chosen = Table.SelectColumns(if DataSource = "delta" then Flat else Csv, {{{names}}})',
            f'Typed = Table.TransformColumnTypes(Chosen, {{{types}}}, "en-US")',
            f"Keyed = {_keyed(table.keys)}",
        )
    )
    return f"let\n{steps}\nin\n    Keyed"


def address(root: str) -> str:
    """The root as Power BI reaches it: a folder unchanged, Azure storage as an encoded https address."""
    azure = _AZURE.fullmatch(root)
    if azure is None:
        return root
    return f"https://{azure['host']}/{azure['container']}{quote(azure['path'])}"


def literal(text: str) -> str:
    """The text as an M literal: quotes doubled, `#(` and control characters escaped."""
    escaped = text.replace("#(", "#(#)(").replace('"', '""')
    for character, name in (("\r", "cr"), ("\n", "lf"), ("\t", "tab")):
        escaped = escaped.replace(character, f"#({name})")
    return f'"{escaped}"'


def _parameter(value: str, choices: tuple[str, ...] = ()) -> str:
    """A text parameter that the user can change; `choices` are its allowed values, the first the default."""
    listed = ", ".join(literal(choice) for choice in choices)
    limits = f"List = {{{listed}}}, DefaultValue = {literal(choices[0])}, " if choices else ""
    return (
        f'{literal(value)} meta [IsParameterQuery = true, {limits}Type = "Text", IsParameterQueryRequired = true]'
    )


def _readers(root: str) -> tuple[str, str]:
    """How to open a folder and a file, with a placeholder for the path."""
    if _AZURE.fullmatch(root):
        return "AzureStorage.DataLake({}, [HierarchicalNavigation = true])", "AzureStorage.DataLakeContents({})"
    return "Folder.Contents({})", "File.Contents({})"


def _path(*parts: str) -> str:
    return f"Text.Combine({{LakehousePath, {', '.join(literal(part) for part in parts)}}}, Slash)"


def _flattened(columns: tuple[Column, ...]) -> str:
    """Shape the Delta table like the exported file: arrays joined, times in UTC."""
    changes = []
    for column in columns:
        if column.kind == "texts":
            items = f"List.Transform(_, each [{column.item}])" if column.item else "_"
            joined = f"if _ = null then null else Text.Combine({items}, {literal(SEPARATOR)})"
            changes.append(f"{{{literal(column.name)}, each {joined}}}")
        elif column.kind == "moment":
            changes.append(f"{{{literal(column.name)}, ToUtc}}")
    return f"Table.TransformColumns(Delta, {{{', '.join(changes)}}})" if changes else "Delta"


def _keyed(keys: tuple[PowerBiKey, ...]) -> str:
    table = "Typed"
    for key in keys:
        table = f"Table.AddColumn({table}, {literal(key.name)}, each ToKey([{key.id}]), type text)"
    return table


_PARSE_CSV = """\
(file as binary) as table =>
    let
        Lines = Csv.Document(file, [Delimiter = ",", Encoding = 65001, QuoteStyle = QuoteStyle.Csv]),
        Rows = Table.PromoteHeaders(Lines, [PromoteAllScalars = false]),
        Filled = Table.ReplaceValue(Rows, "", null, Replacer.ReplaceValue, Table.ColumnNames(Rows))
    in
        Filled"""

_TO_UTC = """\
(moment) =>
    if moment is datetimezone then DateTimeZone.RemoveZone(DateTimeZone.ToUtc(moment)) else moment"""

# An id of plain characters is its own key. Any other id gets `~` and the hex digits of its UTF-8, so that keys
# stay distinct whatever a comparison ignores: case, width, kana or invisible characters.
_TO_KEY = """\
(id as nullable text) as nullable text =>
    let
        Plain = {"a".."z", "0".."9", "-", "_", ".", ":"},
        Hex = Binary.ToText(Text.ToBinary(id, TextEncoding.Utf8), BinaryEncoding.Hex)
    in
        if id = null or Text.Select(id, Plain) = id then id else id & "~" & Hex"""
