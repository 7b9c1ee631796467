"""A micro-batch in process: any order, split, repetition or crash ends in the tables of a plain model."""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse import Lakehouse
from lakehouse.tables import SILVER_BATCHES, SILVER_QUARANTINE, SILVER_USERS, layer_tables
from silver import small_batch
from silver.conditions import Rules
from silver.judging import judge_batch
from silver.latest import TABLES, TOMBSTONE
from silver.sizes import are_writable, size_of
from silver.small_batch import apply_small_batch, open_tables
from tests.support.delta_tables import write_rows
from tests.support.folders import AWKWARD, EVERY_SIGN
from tests.support.records import FEEDBACK, MOVIE, SERIES, USER, Row, bronze_batch, event, numbered, tombstone

RULES = Rules(frozenset({"G"}), 3_600)
KINDS = {"user": USER, "movie": MOVIE, "series": SERIES, "feedback": FEEDBACK}
TARGETS = {"user": "users", "movie": "content", "series": "content", "feedback": "feedback"}


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


class CrashError(Exception):
    """The process ends before a commit."""


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("empty")
    for table in layer_tables("silver"):
        write_rows(str(root), table, [])
    return root


def apply(root: str, rows: Sequence[Row], batch_id: int) -> None:
    judged = pa.Table.from_batches([judge_batch(bronze_batch(rows), RULES)])
    tables = open_tables(Lakehouse(root))
    apply_small_batch(judged, tables, query_id="q", batch_id=batch_id, versions={"bronze.events": batch_id})


def apply_with_crashes(root: str, rows: Sequence[Row], batch_id: int, crashes: Iterable[int]) -> None:
    """Repeat the batch until it is whole; each time the process dies before its n-th commit."""
    for commits in crashes:
        with pytest.MonkeyPatch.context() as patch, suppress(CrashError):
            remaining = [commits]
            for name in ("_append", "_merge"):
                patch.setattr(small_batch, name, dying(getattr(small_batch, name), remaining))
            apply(root, rows, batch_id)
    apply(root, rows, batch_id)


def dying(write: Callable[..., None], remaining: list[int]) -> Callable[..., None]:
    def written(*args: Any) -> None:
        if not remaining[0]:
            raise CrashError
        remaining[0] -= 1
        write(*args)

    return written


def expected(records: Sequence[Row], sent: Sequence[Sent]) -> dict[str, set[tuple[str, int]]]:
    """Per table its ids and offsets: each id's latest event, unless its last tombstone is later."""
    moments = {offset: (row[3], offset) for offset, row in enumerate(records)}
    latest: dict[tuple[str, str], int] = {}
    for offset, one in enumerate(sent):
        if one.kind != "broken":
            key = (TARGETS.get(one.kind, TOMBSTONE), one.id)
            latest[key] = max(latest.get(key, offset), offset, key=lambda at: event_order(sent, moments, at))
    found: dict[str, set[tuple[str, int]]] = {name: set() for name in (*TABLES, TOMBSTONE)}
    for (target, id_), offset in latest.items():
        rival = latest.get((TOMBSTONE, id_)) if target != TOMBSTONE else None
        if rival is None or event_order(sent, moments, offset) > event_order(sent, moments, rival):
            found[target].add((id_, offset))
    return found


def event_order(sent: Sequence[Sent], moments: dict[int, Any], offset: int) -> tuple[int, Any]:
    return sent[offset].minute, moments[offset]


IDS = st.sampled_from(["a", "b", "c"])
SENT = st.builds(Sent, st.sampled_from([*KINDS, "deleted", "deleted", "broken"]), IDS, st.integers(0, 3))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_order_split_and_crash_ends_in_the_latest_events(empty: Path, data: st.DataObject) -> None:
    sent = data.draw(st.lists(SENT, min_size=1, max_size=10))
    records = numbered([one.row() for one in sent])
    arrived = data.draw(st.permutations(records))
    cuts = sorted(data.draw(st.sets(st.integers(1, max(len(sent) - 1, 1)), max_size=2)))
    with tempfile.TemporaryDirectory() as folder:
        root = copied(empty, folder)
        for batch_id, (first, end) in enumerate(zip([0, *cuts], [*cuts, len(arrived)], strict=True)):
            if first < end:
                crashes = data.draw(st.lists(st.integers(0, 6), max_size=1))
                apply_with_crashes(root, arrived[first:end], batch_id, crashes)
        lake = Lakehouse(root)
        held = {
            name: sorted(
                zip(*lake.read(f"silver.{name}", columns=["id", "offset"]).to_pydict().values(), strict=True)
            )
            for name in (*TABLES, TOMBSTONE)
        }
        assert held == {name: sorted(rows) for name, rows in expected(records, sent).items()}
        broken = [offset for offset, one in enumerate(sent) if one.kind == "broken"]
        assert sorted(lake.read(SILVER_QUARANTINE, columns=["offset"])["offset"].to_pylist()) == broken
        for batch in lake.read(SILVER_BATCHES).to_pylist():
            outcomes = ("applied", "superseded", "deleted", "quarantined")
            assert batch["rows_in"] == sum(batch[name] for name in outcomes)
        assert sum(lake.read(SILVER_BATCHES)["rows_in"].to_pylist()) == len(sent)


def copied(empty: Path, folder: str) -> str:
    return shutil.copytree(empty, Path(folder) / "lakehouse").as_posix()


@pytest.mark.parametrize("name", ["lakehouse", AWKWARD, EVERY_SIGN])
def test_a_tombstone_deletes_what_an_earlier_batch_wrote(empty: Path, tmp_path: Path, name: str) -> None:
    """Below any folder, also where delta-rs' own append would panic."""
    root = Path(copied(empty, str(tmp_path))).rename(tmp_path / name).as_posix()
    events = [event(kind, id_, 1) for id_, kind in KINDS.items()]
    apply(root, numbered([*events, event(MOVIE, "broken", 1, titulo=" ")]), 0)
    apply(root, numbered([tombstone(id_, 2) for id_ in KINDS], first=len(KINDS) + 1), 1)
    lake = Lakehouse(root)
    assert [lake.read(f"silver.{table}").num_rows for table in (*TABLES, TOMBSTONE)] == [0, 0, 0, len(KINDS)]
    assert lake.read(SILVER_QUARANTINE).num_rows == 1
    assert lake.read(SILVER_BATCHES, where="batch_id = 1")["deleted"].to_pylist() == [len(KINDS)]


def test_a_constraint_of_somebody_else_is_left_to_spark(empty: Path, tmp_path: Path) -> None:
    root = copied(empty, str(tmp_path))
    lake = Lakehouse(root)
    assert are_writable(open_tables(lake))
    assert size_of(open_tables(lake)["users"]) == 0
    lake.delta(SILVER_USERS).alter.add_constraint({"few": "array_length(generos) < 100"})
    assert not are_writable(open_tables(lake))
