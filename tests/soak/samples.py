"""Memory, threads and open files of each kind of process, and files of each table, while a soak lasts.

Streams are killed and started again all the time, and a JVM grows in its first minutes. So the middle and the last
third of a soak are compared at the same ages of their processes: that shows what grows with the lakehouse. What a
process keeps to itself shows in the calm at the end, in which nobody ends it.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import NamedTuple

from deltalake.exceptions import DeltaError

from lakehouse.folders import open_folder
from lakehouse.history.snapshots import live_files
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import Table, layer_tables

EVERY_SECONDS = 2.0
_TABLES_EVERY = 10
_PROC = Path("/proc")
# Processes of the same age are compared by these steps.
_AGE_SECONDS = 15.0


class Sample(NamedTuple):
    """One process at one moment, in seconds since the soak began; `age` in seconds, memory in MB."""

    at: float
    level: str
    pid: int
    age: float
    megabytes: float
    threads: int
    files: int


class TableSample(NamedTuple):
    """One table: its newest version's data files, all data files in its folder, and those of its log."""

    at: float
    table: str
    live: int
    data: int
    log: int


class Sampler(threading.Thread):
    """Samples the processes of these sessions, by the name of the role, until it is stopped."""

    def __init__(self, root: Path, sessions: Callable[[], Mapping[str, int | None]]) -> None:
        super().__init__(name="samples", daemon=True)
        self.processes: list[Sample] = []
        self.tables: list[TableSample] = []
        self._root, self._sessions = root, sessions
        self._began = time.monotonic()
        self._ended = threading.Event()
        self._first_seen: dict[int, float] = {}

    def elapsed(self) -> float:
        return time.monotonic() - self._began

    def run(self) -> None:
        turn = 0
        while not self._ended.wait(EVERY_SECONDS):
            self.processes += self._processes()
            if turn % _TABLES_EVERY == 0:
                self.tables += table_samples(self._root, self.elapsed())
            turn += 1

    def finish(self) -> None:
        self._ended.set()
        self.join()

    def _processes(self) -> Iterator[Sample]:
        roles = {pid: role for role, pid in self._sessions().items() if pid is not None}
        for folder in _PROC.glob("[0-9]*"):
            with suppress(OSError, IndexError, KeyError):  # it has just ended, or a parent has not noticed yet
                session = int((folder / "stat").read_text().rpartition(")")[2].split()[3])
                if session in roles:
                    yield self._sample(roles[session], folder)

    def _sample(self, role: str, folder: Path) -> Sample:
        pid, at = int(folder.name), self.elapsed()
        status = dict(
            line.split(":", 1)
            for line in (folder / "status").read_text().splitlines()
            if line.startswith(("VmRSS", "Threads"))
        )
        age = at - self._first_seen.setdefault(pid, at)
        level = f"{role}: {_kind(folder)}"
        files = sum(1 for _ in (folder / "fd").iterdir())
        return Sample(at, level, pid, age, int(status["VmRSS"].split()[0]) / 1024, int(status["Threads"]), files)


def _kind(folder: Path) -> str:
    words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
    if words[0].endswith("java"):
        return "JVM"
    return "Python workers" if "pyspark.daemon" in words else "Python driver"


def table_samples(root: Path, at: float) -> list[TableSample]:
    lake, found = Lakehouse(str(root)), []
    for table in _written(lake):
        with suppress(DeltaError, OSError):  # forget or maintenance has just deleted the version that was opened
            found.append(_table_sample(lake, table, at))
    return found


def _table_sample(lake: Lakehouse, table: Table, at: float) -> TableSample:
    stored = open_folder(f"{lake.root}/{table.layer}/{table.name}").stored()
    log = sum(path.startswith("_delta_log/") for path in stored)
    data = sum(path.endswith(".parquet") and not path.startswith("_delta_log/") for path in stored)
    return TableSample(at, table.sql_name, len(live_files(lake, table)), data, log)


def _written(lake: Lakehouse) -> list[Table]:
    return [table for layer in ("bronze", "silver") for table in layer_tables(layer) if lake.exists(table)]


class Level(NamedTuple):
    """One kind of process in two stretches of time: its typical memory in MB, threads and open files.

    Not the most of each: to read a log of 300 commits delta-rs starts 140 threads, which end after some seconds.
    `most` memory and `starts` are of the whole soak.
    """

    level: str
    memory: tuple[float, float]
    threads: tuple[float, float]
    files: tuple[float, float]
    most: float
    starts: int


Typical = Callable[[Sequence[Sample], str], float]
_MEASURED = ("megabytes", "threads", "files")


def thirds(samples: Sequence[Sample], *, lasted: float) -> Iterator[Level]:
    """The middle and the last third, at the ages that processes had in both."""
    for own in _by_level(samples):
        parts = [_by_age(_between(own, lasted * part / 3, lasted * (part + 1) / 3)) for part in (1, 2)]
        ages = sorted(parts[0].keys() & parts[1].keys())
        before, after = ([one for age in ages for one in part[age]] for part in parts)
        yield _level(own, before, after, _typical)


def quarters(samples: Sequence[Sample], *, begin: float, end: float) -> Iterator[Level]:
    """The last two quarters of a time in which no process started."""
    middle, last = begin + (end - begin) / 2, begin + (end - begin) * 3 / 4
    for own in _by_level(samples):
        before, after = _between(own, middle, last), _between(own, last, end)
        yield _level(own, before, after, _median)


def _by_level(samples: Sequence[Sample]) -> list[list[Sample]]:
    return [[one for one in samples if one.level == level] for level in sorted({one.level for one in samples})]


def _between(samples: Iterable[Sample], begin: float, end: float) -> list[Sample]:
    return [one for one in samples if begin <= one.at < end]


def _level(own: Sequence[Sample], before: Sequence[Sample], after: Sequence[Sample], typical: Typical) -> Level:
    memory, threads, files = ((typical(before, what), typical(after, what)) for what in _MEASURED)
    most = max(one.megabytes for one in own)
    return Level(own[0].level, memory, threads, files, most, len({one.pid for one in own}))


def _by_age(samples: Iterable[Sample]) -> dict[int, list[Sample]]:
    found: dict[int, list[Sample]] = defaultdict(list)
    for one in samples:
        found[int(one.age // _AGE_SECONDS)].append(one)
    return found


def _typical(samples: Sequence[Sample], what: str) -> float:
    """The mean over all ages of the median of each: however many processes were that old."""
    medians = [_median(found, what) for found in _by_age(samples).values()]
    return sum(medians) / len(medians) if medians else 0.0


def _median(samples: Sequence[Sample], what: str) -> float:
    return median(getattr(one, what) for one in samples) if samples else 0.0
