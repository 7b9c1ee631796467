"""Names, literals and conditions as DataFusion's SQL reads them."""

from collections.abc import Collection


def quoted(name: str) -> str:
    """The name of a column or table as SQL takes it literally."""
    return '"' + name.replace('"', '""') + '"'


def text_literal(text: str) -> str:
    """The text as a literal of DataFusion SQL. Spark SQL needs backslashes escaped: `lakehouse.spark.sql`."""
    return "'" + text.replace("'", "''") + "'"


def text_in(column: str, values: Collection[str]) -> str:
    """The condition that a text column has one of these values."""
    listed = ", ".join(map(text_literal, values))
    return f"{quoted(column)} IN ({listed})" if values else "false"


def in_part(part: tuple[str, int]) -> str:
    """The condition that a record is of that topic and partition."""
    topic, partition = part
    return f"{text_in('topic', [topic])} AND partition = {partition}"
