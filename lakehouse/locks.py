"""Locks between the processes of one machine. The system releases them when a process ends, even by kill -9."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lakehouse.errors import LakehouseError


class RunningError(LakehouseError):
    """Another process is already running a job that must run alone."""


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


def share(lock: int) -> None:
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
def only_run(folder: Path, stream: str) -> Iterator[None]:
    """Hold the stream alone while it runs. Raises RunningError at once if another process holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = open_lock(folder / f"{stream}.lock")
    try:
        if not try_alone(lock):
            holder = os.pread(lock, 100, 0).decode(errors="replace").strip() or "unknown"
            raise RunningError(
                f"{stream} is already running, in process {holder}",
                todo="wait for it to end, or stop that process",
            )
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(lock)
