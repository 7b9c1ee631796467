"""What is entered in the shell, one entry at a time: statements, and commands that start with a backslash."""

import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType

from lakehouse.errors import InputError
from operations.output import print_table
from operations.shell.known_tables import KnownTables
from operations.shell.results import QueryResult, show
from operations.shell.statements import split_statements

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "\\d": "list the tables; \\d TABLE lists its columns",
        "\\table": "print results as tables",
        "\\json": "print results as JSON",
        "\\csv": "print results as CSV",
        "\\?": "this list",
        "\\q": "leave, like Ctrl-D",
    }
)


class Shell:
    """Runs entries with `run` and prints what they result in."""

    def __init__(self, run: Callable[[str], QueryResult], tables: KnownTables, *, form: str) -> None:
        self._run, self._tables, self._form = run, tables, form

    def enter(self, text: str) -> str:
        """Run the complete statements of the text, or its command. Returns the incomplete rest.

        Raises EOFError to leave, and LakehouseError for what fails: nothing after that is run.
        """
        if text.lstrip().startswith("\\"):
            self._command(*text.strip().rstrip(";").split())
            return ""
        statements, rest = split_statements(text)
        for statement in statements:
            self._show(self._run(statement))
        return rest

    def _command(self, name: str, *arguments: str) -> None:
        if name not in COMMANDS:
            raise InputError(f"no command {name}", todo="\\? lists them")
        if len(arguments) > (name == "\\d"):
            raise InputError(f"too many arguments after {name}", todo="\\? shows its arguments")
        if name == "\\q":
            raise EOFError
        if name == "\\?":
            print_table(["command", "what it does"], COMMANDS.items())
        elif name == "\\d":
            self._show(self._tables.described(arguments[0]) if arguments else self._tables.listed())
        else:
            self._form = name.removeprefix("\\")

    def _show(self, result: QueryResult) -> None:
        show(result, self._form)
        sys.stdout.flush()
