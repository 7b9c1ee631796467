"""How many of Spark's packages are downloaded, from the lines that Ivy writes into the JVM's log."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

_FOUND, _DOWNLOADED = "\tfound ", "[SUCCESSFUL ]"
_POLL_SECONDS = 0.5


@contextmanager
def downloads_reported(log_file: Path, terminal: int) -> Iterator[None]:
    """Write a line to this file descriptor whenever more packages are downloaded; none if all were cached."""
    before, ended = log_file.stat().st_size, Event()
    watcher = Thread(target=_watch, args=(log_file, before, terminal, ended), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _watch(log_file: Path, before: int, terminal: int, ended: Event) -> None:
    last_line, is_last = "", False
    while not is_last:
        is_last = ended.wait(_POLL_SECONDS)
        line = progress(log_file.read_bytes()[before:].decode(errors="replace"))
        if line != last_line:
            os.write(terminal, f"{line}\n".encode())
            last_line = line


def progress(log: str) -> str:
    """How far the download is, "" if there is none."""
    found, downloaded = log.count(_FOUND), log.count(_DOWNLOADED)
    return f"downloading Spark's packages: {downloaded} of {found} jars" if downloaded else ""
