"""How much memory this process and all that it started hold together at their highest: JVM and Python workers."""

import os
import subprocess
import threading
from types import TracebackType

_SAMPLE_SECONDS = 0.5


class PeakMemory:
    """Samples resident memory while it is open; `bytes` is the highest sum. Shared pages count in each process."""

    def __init__(self) -> None:
        self.bytes = 0
        self._ended = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "PeakMemory":
        self._sampler.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._sampler.join()

    def _sample(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            self.bytes = max(self.bytes, resident_bytes(os.getpid()))


def resident_bytes(pid: int) -> int:
    listing = subprocess.run(["ps", "-eo", "pid=,ppid=,rss="], capture_output=True, text=True, check=True)
    rows = [tuple(map(int, line.split())) for line in listing.stdout.splitlines()]
    children: dict[int, list[int]] = {}
    resident = {}
    for own, parent, kilobytes in rows:
        children.setdefault(parent, []).append(own)
        resident[own] = kilobytes * 1024
    family = [pid]
    for member in family:  # grows while it is read: children of children
        family += children.get(member, [])
    return sum(resident.get(member, 0) for member in family)
