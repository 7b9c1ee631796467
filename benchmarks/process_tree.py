"""Resources of this process and its descendants together: JVM and Python workers. Linux only: it reads /proc."""

import os
import threading
from pathlib import Path
from types import TracebackType

_SAMPLE_SECONDS = 0.5
# Fields of /proc/PID/stat after the name, which may contain spaces: parent, user and system time of the process
# and of its ended children in ticks, size of its memory, resident pages.
_PARENT, _TIMES, _SIZE, _PAGES = 1, slice(11, 15), 20, 21


class Usage:
    """Processor seconds used while it was open, and the peak sum of resident bytes.

    For this process, or the one with `pid`, and its descendants. On a busy machine, processor time is more
    reliable than the clock. Pages that processes share count in each of them.
    """

    def __init__(self, pid: int | None = None) -> None:
        self._pid = os.getpid() if pid is None else pid
        self.cpu_seconds, self.peak_bytes = 0.0, 0
        self._ended = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "Usage":
        self._before = cpu_seconds(self._pid)
        self._sampler.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._sampler.join()
        self.cpu_seconds = cpu_seconds(self._pid) - self._before

    def _sample(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            self.peak_bytes = max(self.peak_bytes, resident_bytes(self._pid))


def resident_bytes(pid: int) -> int:
    """Resident bytes, except of a process that was just started and still shares its parent's memory."""
    family = _family(pid)
    sizes = {number: process[_SIZE] for number, process in family.items()}
    own = [process for process in family.values() if sizes.get(int(process[_PARENT])) != process[_SIZE]]
    return sum(int(process[_PAGES]) for process in own) * os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pid: int) -> float:
    ticks = sum(int(ticks) for process in _family(pid).values() for ticks in process[_TIMES])
    return ticks / os.sysconf("SC_CLK_TCK")


def _family(pid: int) -> dict[int, list[str]]:
    """The stat fields of the process and its descendants, by process id."""
    fields: dict[int, list[str]] = {}
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:  # it has ended in the meantime
            continue
        own = int(stat.parent.name)
        fields[own] = text.rpartition(")")[2].split()
        children.setdefault(int(fields[own][_PARENT]), []).append(own)
    family = [pid]
    for member in family:  # grows while it is read: children of children
        family += children.get(member, [])
    return {member: fields[member] for member in family if member in fields}
