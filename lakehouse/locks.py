"""Locks between processes: files of one machine, which the system releases when a process ends, even by kill -9.

In an object store they are leases (lakehouse/leases.py).
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from lakehouse.errors import LakehouseError
from lakehouse.leases import HeldError, leased
from lakehouse.moments import moment_text
from lakehouse.stores import has_conditional_puts, object_store


class RunningError(LakehouseError):
    """Another process is already running a job that must run alone.

    `command` is the command that holds its lock for a while, "" if it is the job itself.
    """

    def __init__(self, problem: str, *, todo: str, command: str = "") -> None:
        super().__init__(problem, todo=todo)
        self.command = command


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold the file's lock alone, waiting for the current holder."""
    lock = open_lock(file)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def open_lock(file: Path) -> int:
    """A descriptor of the lock file, closed in child processes so that they cannot hold the lock longer."""
    return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def lock_shared(lock: int) -> None:
    """Hold the lock together with others."""
    fcntl.flock(lock, fcntl.LOCK_SH)


def try_alone(lock: int) -> bool:
    """Whether nobody else shares the lock any more; if so, it is now held alone."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def waiting_for(place: Path | str, name: str) -> Iterator[None]:
    """Hold the lock of this name alone, waiting for the current holder. `place` is as for `only_run`."""
    if _is_leased(place):
        with leased(object_store(str(place)), f"{name}.lock", wait=True):
            yield
    else:
        Path(place).mkdir(parents=True, exist_ok=True)
        with locked(Path(place) / f"{name}.lock"):
            yield


@contextmanager
def only_run(place: Path | str, stream: str, *, by: str = "") -> Iterator[None]:
    """Hold the stream alone while it runs. Raises RunningError at once if another process holds it.

    `place` is `Settings.shared_ops`: a folder, or its address in a store. `by` is the command that holds it, if
    that is not the stream itself: errors of others name it.
    """
    with _only_lease(str(place), stream, by) if _is_leased(place) else _only_file(Path(place), stream, by):
        yield


def _is_leased(place: Path | str) -> bool:
    return isinstance(place, str) and has_conditional_puts(place)


@contextmanager
def _only_lease(address: str, stream: str, by: str) -> Iterator[None]:
    with ExitStack() as held:
        try:
            held.enter_context(leased(object_store(address), f"{stream}.lock", by=by))
        except HeldError as error:
            holder = error.holder
            since, until = (moment_text(int(seconds * 1e6)) for seconds in (holder.since, holder.until))
            raise RunningError(
                f"{stream} is {_state(holder.command)}, in process {holder.pid} on {holder.host} since {since}, "
                f"with a lease until {until}",
                todo="wait for its end, or stop that process; if its machine is gone, start again after that time",
                command=holder.command,
            ) from error
        yield


@contextmanager
def _only_file(folder: Path, stream: str, by: str) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    lock = open_lock(folder / f"{stream}.lock")
    try:
        if not try_alone(lock):
            holder = os.pread(lock, 100, 0).decode(errors="replace").strip() or "unknown"
            pid, _, command = holder.partition(" ")
            raise RunningError(
                f"{stream} is {_state(command)}, in process {pid}",
                todo="wait for it to end, or stop that process",
                command=command,
            )
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()} {by}".strip().encode() + b"\n", 0)
        yield
    finally:
        os.close(lock)


def _state(command: str) -> str:
    return f"being changed by {command}" if command else "already running"
