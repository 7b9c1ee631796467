"""Sequences of micro-batches for silver, of any records, order and split, interrupted at any commit."""

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import strategies as st

from lakehouse import Lakehouse
from lakehouse.tables import SILVER_BATCHES, SILVER_QUARANTINE
from silver.conditions import Rules
from silver.judging import judge_batch
from silver.latest import TABLES, TOMBSTONE
from tests.support.records import FEEDBACK, MOVIE, SERIES, USER, Row, bronze_batch, event, numbered, tombstone

# The columns that differ after a repeated batch: when a row was written, and the number of commits.
CLOCKS = ("quarantined_at", "finished_at", "silver_versions")
RULES = Rules(frozenset({"G"}), 3_600)
KINDS = {"user": USER, "movie": MOVIE, "series": SERIES, "feedback": FEEDBACK}
_TARGETS = {"user": "users", "movie": "content", "series": "content", "feedback": "feedback"}


class Sent(NamedTuple):
    """One record: what it says of which id, and when. `broken` breaks a rule, `deleted` is a tombstone."""

    kind: str
    id: str
    minute: int

    def row(self) -> Row:
        if self.kind == "deleted":
            return tombstone(self.id, self.minute)
        if self.kind == "broken":
            return event(MOVIE, self.id, self.minute, titulo=" ")
        return event(KINDS[self.kind], self.id, self.minute)


class Way(NamedTuple):
    """One way to write a judged batch with that id to a root, and the functions that commit its changes."""

    apply: Callable[[str, pa.Table, int], None]
    commits: Sequence[tuple[Any, str]]


class CrashError(Exception):
    """The process ends before a commit."""


IDS = st.sampled_from(["a", "b", "c"])
SENT = st.builds(Sent, st.sampled_from([*KINDS, "deleted", "deleted", "broken"]), IDS, st.integers(0, 3))
# Some ways commit from several threads.
_COUNTING = threading.Lock()
MOST_COMMITS = 6  # quarantine, users, content, feedback, tombstones, batches


def judged(rows: Sequence[Row]) -> pa.Table:
    return pa.Table.from_batches([judge_batch(bronze_batch(rows), RULES)])


def expect_latest_events(empty: Path, data: st.DataObject, ways: Mapping[str, Way], *, least: int = 1) -> None:
    """Draw a sequence, apply it to a copy of the empty root, and compare its tables with a plain model.

    It has at least so many records. The process may die once in each batch; any way may make each attempt at
    a batch.
    """
    sent = data.draw(st.lists(SENT, min_size=least, max_size=10))
    records = numbered([one.row() for one in sent])
    arrived = data.draw(st.permutations(records))
    cuts = sorted(data.draw(st.sets(st.integers(1, max(len(sent) - 1, 1)), max_size=2)))
    way = st.sampled_from(sorted(ways))
    with tempfile.TemporaryDirectory() as folder:
        root = shutil.copytree(empty, Path(folder) / "lakehouse").as_posix()
        for batch_id, (first, end) in enumerate(zip([0, *cuts], [*cuts, len(arrived)], strict=True)):
            if first < end:
                batch = judged(arrived[first:end])
                for commits in data.draw(st.lists(st.integers(0, MOST_COMMITS), max_size=1)):
                    attempt = ways[data.draw(way)]
                    with suppress(CrashError), dies_before_commit(attempt, commits):
                        attempt.apply(root, batch, batch_id)
                ways[data.draw(way)].apply(root, batch, batch_id)
        _expect(Lakehouse(root), records, sent)


@contextmanager
def dies_before_commit(way: Way, commits: int) -> Iterator[None]:
    """Raise CrashError in place of the commit after that many."""
    with pytest.MonkeyPatch.context() as patch:
        remaining = [commits]
        for owner, name in way.commits:
            patch.setattr(owner, name, _dying(getattr(owner, name), remaining))
        yield


def _dying(write: Callable[..., None], remaining: list[int]) -> Callable[..., None]:
    def written(*args: Any, **kwargs: Any) -> None:
        with _COUNTING:
            if not remaining[0]:
                raise CrashError
            remaining[0] -= 1
        write(*args, **kwargs)

    return written


def _expect(lake: Lakehouse, records: Sequence[Row], sent: Sequence[Sent]) -> None:
    for name, rows in _latest(records, sent).items():
        held = lake.read(f"silver.{name}", columns=["id", "offset"]).to_pydict()
        assert sorted(zip(held["id"], held["offset"], strict=True)) == sorted(rows), name
    broken = [offset for offset, one in enumerate(sent) if one.kind == "broken"]
    assert sorted(lake.read(SILVER_QUARANTINE, columns=["offset"])["offset"].to_pylist()) == broken
    batches = lake.read(SILVER_BATCHES).to_pylist()
    for batch in batches:
        outcomes = ("applied", "superseded", "deleted", "quarantined")
        assert batch["rows_in"] == sum(batch[name] for name in outcomes)
    assert sum(batch["rows_in"] for batch in batches) == len(sent)


def _latest(records: Sequence[Row], sent: Sequence[Sent]) -> dict[str, set[tuple[str, int]]]:
    """Per table its ids and offsets: each id's latest event, unless its last tombstone is later."""
    moments = [(one.minute, row[3], offset) for offset, (row, one) in enumerate(zip(records, sent, strict=True))]
    latest: dict[tuple[str, str], int] = {}
    for offset, one in enumerate(sent):
        if one.kind != "broken":
            key = (_TARGETS.get(one.kind, TOMBSTONE), one.id)
            latest[key] = max(latest.get(key, offset), offset, key=moments.__getitem__)
    found: dict[str, set[tuple[str, int]]] = {name: set() for name in (*TABLES, TOMBSTONE)}
    for (target, id_), offset in latest.items():
        rival = latest.get((TOMBSTONE, id_)) if target != TOMBSTONE else None
        if rival is None or moments[offset] > moments[rival]:
            found[target].add((id_, offset))
    return found
