"""A micro-batch in process: any order, split, repetition or crash ends in the tables of a plain model."""

import shutil
from functools import partial
from itertools import chain, combinations
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse import Lakehouse
from lakehouse.tables import SILVER_BATCHES, SILVER_QUARANTINE, SILVER_USERS, layer_tables
from silver import small_batch
from silver.latest import TABLES, TOMBSTONE
from silver.sizes import are_writable, size_of
from silver.small_batch import apply_small_batch, open_tables
from tests.support.batch_sequences import CLOCKS, KINDS, Way, expect_latest_events, judged
from tests.support.delta_tables import write_rows
from tests.support.folders import AWKWARD, EVERY_SIGN
from tests.support.records import MOVIE, event, numbered, tombstone
from tests.support.tables import contents


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("empty")
    for table in layer_tables("silver"):
        write_rows(str(root), table, [])
    return root


def write_in_process(root: str, batch: pa.Table, batch_id: int, writers: int = len(TABLES)) -> None:
    tables, versions = open_tables(Lakehouse(root)), {"bronze.events": batch_id}
    apply_small_batch(batch, tables, query_id="q", batch_id=batch_id, versions=versions, writers=writers)


_COMMITS = [(small_batch, "_append"), (small_batch, "_merge")]
WAYS = {
    "one after the other": Way(partial(write_in_process, writers=1), _COMMITS),
    "at once": Way(write_in_process, _COMMITS),
}


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_order_split_and_crash_ends_in_the_latest_events(empty: Path, data: st.DataObject) -> None:
    expect_latest_events(empty, data, WAYS)


@pytest.fixture(scope="module")
def stages(empty: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, pa.Table]:
    """A root before and after a batch that changes every table, and that batch (id 1)."""
    before, after = (tmp_path_factory.mktemp("stages") / name for name in ("before", "after"))
    shutil.copytree(empty, before)
    first = [event(kind, id_, 1) for id_, kind in KINDS.items()]
    write_in_process(str(before), judged(numbered(first)), 0)
    changed = [event(kind, id_, 2) for id_, kind in KINDS.items()]
    second = [*changed, tombstone("movie", 3), event(MOVIE, "broken", 2, titulo=" ")]
    batch = judged(numbered(second, first=len(first)))
    shutil.copytree(before, after)
    write_in_process(str(after), batch, 1)
    return before, after, batch


@pytest.mark.parametrize("committed", [*chain(*(combinations(TABLES, size) for size in range(len(TABLES) + 1)))])
def test_a_batch_repeated_after_any_of_the_commits_that_it_makes_at_once(
    stages: tuple[Path, Path, pa.Table], tmp_path: Path, committed: tuple[str, ...]
) -> None:
    before, after, batch = stages
    root = shutil.copytree(before, tmp_path / "root")
    for name in (SILVER_QUARANTINE.name, *committed):
        shutil.rmtree(root / "silver" / name)
        shutil.copytree(after / "silver" / name, root / "silver" / name)
    write_in_process(str(root), batch, 1)
    for table in layer_tables("silver"):
        assert contents(str(root), table, *CLOCKS) == contents(str(after), table, *CLOCKS), table.sql_name


def copied(empty: Path, folder: str) -> str:
    return shutil.copytree(empty, Path(folder) / "lakehouse").as_posix()


@pytest.mark.parametrize("name", ["lakehouse", AWKWARD, EVERY_SIGN])
def test_a_tombstone_deletes_what_an_earlier_batch_wrote(empty: Path, tmp_path: Path, name: str) -> None:
    """Below any folder, also where delta-rs' own append would panic."""
    root = Path(copied(empty, str(tmp_path))).rename(tmp_path / name).as_posix()
    events = [event(kind, id_, 1) for id_, kind in KINDS.items()]
    write_in_process(root, judged(numbered([*events, event(MOVIE, "broken", 1, titulo=" ")])), 0)
    write_in_process(root, judged(numbered([tombstone(id_, 2) for id_ in KINDS], first=len(KINDS) + 1)), 1)
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
