"""The shell on a terminal: a prompt with history and completion. It is there before Spark is."""

import os
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.patch_stdout import patch_stdout

from lakehouse.errors import LakehouseError
from operations.shell.completion import SqlCompleter
from operations.shell.known_tables import KnownTables
from operations.shell.queries import CancelledError, Engine
from operations.shell.results import QueryResult
from operations.shell.shell import Shell
from operations.shell.statements import is_complete
from operations.shell.worker import QueryWorker, await_done

_PROMPT, _GOES_ON = "sql> ", "  -> "


class _AbandonedError(KeyboardInterrupt):
    """The user does not wait for the end of a statement that is being cancelled."""


def run_terminal(
    opened: Callable[[], AbstractContextManager[Engine]], tables: KnownTables, *, limit: int, form: str
) -> int:
    """Read and run entries until Ctrl-D. A failed statement is one line; a failure of the engine is raised."""
    history = open_history(history_file())
    with QueryWorker(opened) as worker:
        session = prompt_session(tables, history)
        shell = Shell(partial(_run, worker, limit=limit), tables, form=form)
        print("Statements end with ; and Tab completes. \\? lists commands, Ctrl-C cancels, Ctrl-D leaves.")
        with suppress(EOFError):
            while True:
                try:
                    _one_entry(session, worker, shell)
                except _AbandonedError:
                    raise
                except KeyboardInterrupt:  # it clears the entry, or ends what it does
                    print()
        if not worker.started.done():
            print("waiting for Spark, which is still starting, before stopping it")
    return 0


def prompt_session(tables: KnownTables, history: History) -> "PromptSession[str]":
    """Enter ends an entry that is complete, and starts a new line in any other."""
    return PromptSession(
        _PROMPT,
        multiline=Condition(lambda: not is_complete(get_app().current_buffer.text)),
        prompt_continuation=_GOES_ON,
        history=history,
        completer=SqlCompleter(tables),
        complete_while_typing=False,
        complete_in_thread=True,  # the tables of a store take a while
    )


def _one_entry(session: "PromptSession[str]", worker: QueryWorker, shell: Shell) -> None:
    """Read an entry and run it. A failure is raised only if it has ended the engine."""
    try:
        with patch_stdout():
            text = session.prompt(pre_run=partial(_end_on_failure, worker.started))
        shell.enter(text)
    except CancelledError:
        print("cancelled")
    except LakehouseError as error:
        if worker.has_ended:
            raise
        print(f"error: {error}")


def _run(worker: QueryWorker, statement: str, *, limit: int) -> QueryResult:
    """The statement's result. Ctrl-C ends the wait for Spark, or the statement."""
    result: Future[QueryResult] = Future()
    try:
        if not worker.started.done():
            print("waiting for Spark, which is still starting")
        worker.run(statement, limit=limit, result=result)
        await_done(result)
        return result.result()
    except KeyboardInterrupt:
        _cancel(worker, result)
    if worker.has_ended:
        result.result()
    raise CancelledError("cancelled")


def _cancel(worker: QueryWorker, result: "Future[QueryResult]") -> None:
    try:
        if not result.cancel():
            print("cancelling; Ctrl-C again leaves the shell")
            worker.cancel(result)
    except KeyboardInterrupt:
        raise _AbandonedError from None


def _end_on_failure(started: "Future[Any]") -> None:
    """End the prompt as soon as Spark turns out not to start."""
    app = get_app()

    def end(started: "Future[Any]") -> None:
        error = started.exception()
        if error is not None and app.loop is not None:
            with suppress(RuntimeError):  # the prompt has just ended
                app.loop.call_soon_threadsafe(partial(app.exit, exception=error))

    started.add_done_callback(end)


def history_file() -> Path | None:
    """The file in the user's state folder (XDG); None without a home."""
    folder = os.environ.get("XDG_STATE_HOME", "")
    try:
        # the XDG specification: ignore a path that is not absolute
        state = Path(folder) if Path(folder).is_absolute() else Path.home() / ".local" / "state"
    except RuntimeError:
        return None
    return state / "lakehouse" / "sql_history"


def open_history(file: Path | None) -> History:
    """The history kept in this file, for this user only; where it cannot be written, in memory."""
    if file is None:
        return InMemoryHistory()
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.fchmod(handle, 0o600)
        finally:
            os.close(handle)
    except OSError as error:
        print(f"the history of this shell will not be kept: {file}: {error.strerror}")
        return InMemoryHistory()
    return FileHistory(str(file))
