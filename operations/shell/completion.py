"""What Tab completes in the shell: keywords, tables and columns of SQL, and the shell's own commands."""

import re
from collections.abc import Iterable, Iterator

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from lakehouse.tables import Table
from operations.shell.known_tables import KnownTables
from operations.shell.shell import COMMANDS

_KEYWORDS = (
    *("ALL", "ANTI", "AND", "ARRAY", "AS", "ASC", "BETWEEN", "BY", "CASE", "CAST", "COUNT", "CROSS"),
    *("CURRENT_DATE", "CURRENT_TIMESTAMP", "DATE", "DESC", "DESCRIBE", "DETAIL", "DISTINCT", "ELSE"),
    *("END", "EXCEPT", "EXISTS", "EXPLAIN", "EXPLODE", "FALSE", "FILTER", "FROM", "FULL", "GROUP"),
    *("HAVING", "HISTORY", "ILIKE", "IN", "INNER", "INTERSECT", "INTERVAL", "IS", "JOIN", "LATERAL"),
    *("LEFT", "LIKE", "LIMIT", "NOT", "NULL", "NULLS", "OF", "OFFSET", "ON", "OR", "ORDER", "OUTER"),
    *("OVER", "PARTITION", "PIVOT", "QUALIFY", "RIGHT", "RLIKE", "ROUND", "SELECT", "SEMI", "SHOW"),
    *("TABLES", "THEN", "TIMESTAMP", "TRUE", "UNION", "UNNEST", "USING", "VALUES", "VERSION", "VIEW"),
    *("WHEN", "WHERE", "WINDOW", "WITH"),
)

_WORD = re.compile(r"[\w.]*$")
_COMMAND = re.compile(r"\s*(\\\w*)$")
_NEEDS_TABLE = re.compile(
    r"(?:\b(?:from|join)|^\s*(?:\\d|desc(?:ribe)?(?:\s+(?:detail|history))?))\s+[\w.]*$", re.IGNORECASE
)


class SqlCompleter(Completer):
    """After FROM and its like only tables; elsewhere columns of the statement's tables first."""

    def __init__(self, tables: KnownTables) -> None:
        self._tables = tables

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:  # noqa: ARG002 - prompt_toolkit's signature
        before = document.text_before_cursor
        word, offered = self._offered(before, document.text)
        for text in dict.fromkeys(offered):
            if text.lower().startswith(word.lower()):
                yield Completion(text, start_position=-len(word))

    def _offered(self, before: str, statement: str) -> tuple[str, Iterable[str]]:
        """The word that is being typed, and what it may become."""
        if command := _COMMAND.match(before):
            return command[1], COMMANDS
        match = _WORD.search(before)
        word = match[0] if match else ""
        tables = self._tables.named()
        names = [table.sql_name for table in tables]
        if _NEEDS_TABLE.search(before):
            return word, names
        qualifier, dot, _ = word.rpartition(".")
        if dot and (table := _qualified(qualifier, statement, tables)):
            return word, [f"{qualifier}.{column}" for column in table.columns]
        keywords = [keyword.lower() for keyword in _KEYWORDS] if word.islower() else _KEYWORDS
        return word, [*_columns(statement, tables), *names, *keywords]


def _qualified(qualifier: str, statement: str, tables: Iterable[Table]) -> Table | None:
    """The table behind `silver.users.` or behind the alias in `FROM silver.users AS u`."""
    for table in tables:
        alias = rf"\b{re.escape(table.sql_name)}\s+(?:as\s+)?{re.escape(qualifier)}\b"
        is_own = qualifier.lower() in (table.sql_name, table.name)
        if (is_own and _names(statement, table)) or re.search(alias, statement, re.IGNORECASE):
            return table
    return None


def _columns(statement: str, tables: Iterable[Table]) -> list[str]:
    return [column for table in tables if _names(statement, table) for column in table.columns]


def _names(statement: str, table: Table) -> bool:
    return re.search(rf"\b{re.escape(table.sql_name)}\b", statement, re.IGNORECASE) is not None
