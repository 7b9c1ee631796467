"""`lakehouse sql`: query the tables, at any version they still have. Without a query, a shell."""

import argparse
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from functools import cache, partial

from lakehouse.errors import InputError
from operations.call import Call
from operations.shell.known_tables import KnownTables
from operations.shell.queries import Queries, queries
from operations.shell.results import QueryResult, show
from operations.shell.shell import Shell


def run(args: argparse.Namespace, call: Call) -> int:
    if args.query is not None:
        with queries(call) as engine:
            result = engine.run(args.query, limit=args.limit)
        show(result, args.form)
        return 0
    if sys.stdin is None:  # a service without one
        raise InputError("no query, and no input to read one from", todo='write: lakehouse sql "SELECT ..."')
    tables = KnownTables(call.settings.root)
    if sys.stdin.isatty() and sys.stdout.isatty():
        from operations.shell.terminal import run_terminal  # a query does not need a prompt

        return run_terminal(partial(queries, call), tables, limit=args.limit, form=args.form)
    return _run_input(sys.stdin, args, call, tables)


def _run_input(lines: Iterable[str], args: argparse.Namespace, call: Call, tables: KnownTables) -> int:
    """Run what is piped in, each statement as soon as its semicolon is read, until one fails or the input ends."""
    with ExitStack() as stack:

        @cache
        def engine() -> Queries:
            return stack.enter_context(queries(call))

        def run_statement(statement: str) -> QueryResult:
            return engine().run(statement, limit=args.limit)

        shell = Shell(run_statement, tables, form=args.form)
        try:
            run_lines(shell, lines)
        except EOFError:  # \q
            return 0
        except UnicodeDecodeError as error:
            raise InputError("the input is not UTF-8", todo="write it in UTF-8") from error
    return 0


def run_lines(shell: Shell, lines: Iterable[str]) -> None:
    """Enter the lines one after the other. The last statement needs no semicolon."""
    pending, number = "", 0
    for number, line in enumerate(lines, start=1):
        pending += line.removeprefix("\ufeff") if number == 1 else line
        # nothing else completes anything
        if ";" in line or pending.lstrip().startswith("\\"):
            pending = _enter(shell, pending, number)
    _enter(shell, f"{pending}\n;", number)


def _enter(shell: Shell, text: str, number: int) -> str:
    try:
        return shell.enter(text)
    except InputError as error:
        raise InputError(f"line {number}: {error.problem}", todo=error.todo) from error
