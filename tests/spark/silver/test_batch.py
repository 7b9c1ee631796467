"""A micro-batch, by Spark and in process: repeated after any of its commits, split and ordered in any way."""

import shutil
from collections.abc import Mapping
from functools import partial
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from lakehouse import Lakehouse, compaction
from lakehouse.arrow import plain_strings
from lakehouse.lakehouse import append
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import (
    SILVER_BATCHES,
    SILVER_CONTENT,
    SILVER_FEEDBACK,
    SILVER_QUARANTINE,
    SILVER_TOMBSTONES,
    SILVER_USERS,
    Table,
    layer_tables,
)
from silver import batch, state
from silver.batch import apply_large_batch
from silver.small_batch import join_small_files, open_tables
from tests.support.batch_sequences import CLOCKS, Way, expect_latest_events
from tests.support.batch_ways import (
    PROCESS,
    SPARK,
    WAYS,
    Write,
    create_silver,
    in_process,
    judged,
    sequence_ways,
)
from tests.support.records import (
    FEEDBACK,
    MOVIE,
    USER,
    event,
    numbered,
    tombstone,
)
from tests.support.tables import contents
from tests.support.two_batches import (
    BATCH,
    BEFORE,
    PREFIXES,
    VERSIONS,
    Finished,
    NewRoot,
    Undisturbed,
    copied,
    went_both_ways,
)

COUNTS = ("rows_in", "applied", "superseded", "deleted", "quarantined")
STATE = (SILVER_USERS, SILVER_CONTENT, SILVER_FEEDBACK, SILVER_TOMBSTONES)


@pytest.fixture(params=WAYS)
def write(request: pytest.FixtureRequest) -> Write:
    return WAYS[request.param]


@pytest.fixture(scope="module")
def empty(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root whose silver has no rows."""
    return create_silver(spark, tmp_path_factory.mktemp("empty"))


@pytest.fixture(scope="module")
def new_root(empty: Path) -> NewRoot:
    return partial(copied, empty)


@pytest.fixture(scope="module")
def both_ways(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, new_root: NewRoot
) -> Mapping[str, Undisturbed]:
    return went_both_ways(spark, new_root, lambda: tmp_path_factory.mktemp("batch"))


@pytest.fixture(scope="module")
def first_batch(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, new_root: NewRoot
) -> Mapping[str, Undisturbed]:
    return went_both_ways(spark, new_root, lambda: tmp_path_factory.mktemp("first"), before=[])


@pytest.fixture(params=WAYS)
def undisturbed(both_ways: Mapping[str, Undisturbed], request: pytest.FixtureRequest) -> Undisturbed:
    return both_ways[request.param]


def test_the_batch_did_what_it_was_made_for(undisturbed: Undisturbed) -> None:
    """Every commit below has work to do: three merges, quarantine, tombstones, the batch's own row."""
    lake = Lakehouse(undisturbed.root)

    def held(table: Table, *names: str) -> list[tuple[object, ...]]:
        return sorted(tuple(row[name] for name in names) for row in lake.read(table).to_pylist())

    assert held(SILVER_USERS, "id", "nombre_usuario") == [
        ("both", "Lucía"),
        ("u-1", "after"),
        ("u-2", "stays"),
        ("u-4", "back"),
    ]
    assert held(SILVER_CONTENT, "id", "titulo") == [
        ("both", "one id in two tables"),
        ("m-1", "stays"),
        ("s-1", "the same time, a later record"),
    ]
    assert held(SILVER_FEEDBACK, "id", "rating") == [("f-2", 4.5)]
    deleted = sorted(lake.read(SILVER_TOMBSTONES).to_pylist(), key=lambda row: row["id"])
    assert [(row["id"], row["event_timestamp"].minute) for row in deleted] == [
        ("f-1", 20),
        ("gone", 20),
        ("m-1", 20),
        ("m-2", 20),
        ("u-3", 20),
        ("u-4", 20),
    ]
    assert lake.read(SILVER_QUARANTINE).num_rows == 4


def test_the_batch_records_its_counts_and_unknown_fields(undisturbed: Undisturbed) -> None:
    batches = Lakehouse(undisturbed.root).read(SILVER_BATCHES).to_pylist()
    (second,) = [row for row in batches if row["batch_id"] == 1]
    # applied: u-1, u-4, s-1, both twice, f-2; deleted: u-3, gone, f-1; the others arrived too late
    assert tuple(second[name] for name in COUNTS) == (22, 6, 9, 3, 4)
    assert dict(second["bronze_versions"]) == VERSIONS
    # with the record's Kafka timestamp
    seen = [field | {"first_seen": str(field["first_seen"])} for row in batches for field in row["unknown_fields"]]
    assert [tuple(field.values()) for field in sorted(seen, key=lambda field: field["field"])] == [
        ("pais", 1, "MX", "t", "series", "2025-05-13 12:20:00+00:00"),
        ("premio", 1, None, "t", "series", "2025-05-13 12:20:00+00:00"),
    ]


def test_a_large_batch_of_spark_generates_code(
    spark: SparkSession,
    both_ways: Mapping[str, Undisturbed],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    write: Write,
) -> None:
    """Test batches are small: all but this one are written with projections without code generation."""
    undisturbed = both_ways[SPARK]
    factory = "spark.sql.codegen.factoryMode"
    before = spark.conf.get(factory)
    found = []

    def write(*args: Any) -> None:
        found.append(spark.conf.get(factory))
        state.write(*args)

    monkeypatch.setattr(batch, "state", SimpleNamespace(**{**vars(state), "write": write}))
    root = shutil.copytree(undisturbed.prefixes[0], tmp_path / "large").as_posix()
    apply_large_batch(judged(spark, []), root, query_id="other", batch_id=0, versions={})
    monkeypatch.setattr(batch, "FEW_ROWS", len(BATCH) - 1)
    apply_large_batch(undisturbed.judged, root, query_id="q", batch_id=1, versions=VERSIONS)
    undisturbed.expect_equal(root, (*STATE, SILVER_QUARANTINE))
    assert found == ["NO_CODEGEN", before]
    assert spark.conf.get(factory) == before


def test_both_ways_end_in_the_same_tables(both_ways: Mapping[str, Undisturbed]) -> None:
    both_ways[SPARK].expect_equal(both_ways[PROCESS].root, layer_tables("silver"))


def test_both_ways_publish_the_same_changes(both_ways: Mapping[str, Undisturbed]) -> None:
    for table in STATE:
        feeds = [changes(way.root, table) for way in both_ways.values()]
        assert feeds[0] == feeds[1], table.sql_name


def test_both_ways_pass_through_the_same_states(both_ways: Mapping[str, Undisturbed]) -> None:
    """After each commit the tables are equal: whatever repeats the batch finds the same rows, whoever began it."""
    for found in zip(*(way.prefixes for way in both_ways.values()), strict=True):
        for table in layer_tables("silver"):
            by_spark, in_process = (contents(str(prefix), table, *CLOCKS) for prefix in found)
            assert by_spark == in_process, (found[0].name, table.sql_name)


@pytest.mark.parametrize(
    ("began", "repeated", "commits"),
    # Spark takes a hundred times as long: `make test-crash` lets it repeat the batch after each commit
    [*product(WAYS, [PROCESS], range(PREFIXES)), (SPARK, SPARK, 3), (PROCESS, SPARK, 2)],
)
def test_a_batch_repeated_after_a_crash_changes_nothing_more(
    both_ways: Mapping[str, Undisturbed], tmp_path: Path, began: str, repeated: str, commits: int
) -> None:
    """The process died after that many commits: the same batch runs again, maybe the other way."""
    both_ways[began].expect_repeatable(commits, repeated, tmp_path)


@pytest.mark.parametrize("repeated", WAYS)
def test_a_batch_repeated_after_commits_that_were_made_at_once(
    both_ways: Mapping[str, Undisturbed], tmp_path: Path, repeated: str
) -> None:
    """In process, feedback's commit may be there and those of users and content not."""
    undisturbed = both_ways[PROCESS]
    root = shutil.copytree(undisturbed.prefixes[1], tmp_path / "lakehouse")
    shutil.rmtree(root / "silver" / "feedback")
    shutil.copytree(undisturbed.prefixes[4] / "silver" / "feedback", root / "silver" / "feedback")
    WAYS[repeated](undisturbed.judged, str(root), query_id="q", batch_id=1, versions=VERSIONS)
    undisturbed.expect_equal(str(root), layer_tables("silver"))


def test_a_tombstone_changes_only_the_tables_that_hold_its_id(
    spark: SparkSession, tmp_path: Path, new_root: NewRoot, write: Write
) -> None:
    root = new_root(tmp_path)
    first = numbered([event(USER, "u-1", 10), event(MOVIE, "m-1", 10)])
    write(judged(spark, first), root, query_id="q", batch_id=0, versions={})
    lake = SparkLakehouse(root, spark)
    before = {table.sql_name: lake.version(table) for table in layer_tables("silver")}
    second = numbered([tombstone("u-1", 20), tombstone("nobody", 20)], first=len(first))
    write(judged(spark, second), root, query_id="q", batch_id=1, versions={})
    after = {table.sql_name: lake.version(table) for table in layer_tables("silver")}
    changed = {name for name, version in after.items() if version != before[name]}
    assert changed == {"silver.users", "silver.tombstones", "silver.batches"}
    assert keys(root, SILVER_USERS) == []
    assert keys(root, SILVER_TOMBSTONES) == [("nobody",), ("u-1",)]


@pytest.mark.parametrize(("way", "commits"), [*product([PROCESS], range(PREFIXES)), (SPARK, 3)])
def test_a_first_batch_repeated_after_a_crash_changes_nothing_more(
    first_batch: Mapping[str, Undisturbed], tmp_path: Path, way: str, commits: int
) -> None:
    """Its tables hold none of its ids, so it appends; the repeated one finds part of itself."""
    first_batch[way].expect_repeatable(commits, way, tmp_path)


def test_another_checkpoint_is_another_stream(
    spark: SparkSession, tmp_path: Path, new_root: NewRoot, write: Write
) -> None:
    """After a rebuild batch ids start at 0 again: only the query's id distinguishes them from the old ones."""
    root = new_root(tmp_path)
    rows = judged(spark, numbered([event(USER, "u-1", 10)]))
    for query_id in ("old", "new"):
        write(rows, root, query_id=query_id, batch_id=0, versions={})
    found = Lakehouse(root).read(SILVER_BATCHES, columns=["query_id", "rows_in", "applied"]).to_pylist()
    assert sorted(tuple(row.values()) for row in found) == [("new", 1, 1), ("old", 1, 1)]


ALL = numbered([*BEFORE, *BATCH])
HALF = len(ALL) // 2
SPLITS = {
    "two batches, the later one first": [ALL[HALF:], ALL[:HALF]],
    "every other record, backwards": [ALL[1::2][::-1], ALL[::2][::-1]],
}


@pytest.fixture(scope="module")
def in_one_batch(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, new_root: NewRoot) -> Finished:
    root = new_root(tmp_path_factory.mktemp("one-batch"))
    apply_large_batch(judged(spark, ALL), root, query_id="q", batch_id=0, versions=VERSIONS)
    return Finished(root)


def test_one_batch_or_two_end_in_the_same_tables(
    in_one_batch: Finished, both_ways: Mapping[str, Undisturbed]
) -> None:
    undisturbed = both_ways[SPARK]
    in_one_batch.expect_equal(undisturbed.root, (*STATE, SILVER_QUARANTINE))


@pytest.mark.parametrize(("split", "way"), [*product(SPLITS, [PROCESS]), (next(iter(SPLITS)), SPARK)])
def test_order_of_arrival_does_not_matter(
    spark: SparkSession, tmp_path: Path, new_root: NewRoot, in_one_batch: Finished, split: str, way: str
) -> None:
    root, write = new_root(tmp_path), WAYS[way]
    for batch_id, rows in enumerate(SPLITS[split]):
        write(judged(spark, rows), root, query_id="q", batch_id=batch_id, versions=VERSIONS)
    in_one_batch.expect_equal(root, (*STATE, SILVER_QUARANTINE))
    found = outcomes(root)
    assert sum(counts[0] for counts in found) == sum(sum(counts[1:]) for counts in found) == len(ALL)


@pytest.fixture(scope="module")
def mixed(spark: SparkSession) -> Mapping[str, Way]:
    return sequence_ways(spark)


@settings(
    max_examples=2,
    derandomize=True,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_both_ways_mixed_end_in_the_latest_events(
    mixed: Mapping[str, Way], empty: Path, data: st.DataObject
) -> None:
    """Each attempt at a batch is made either way. tests/crash/test_mixed_batches.py draws many more sequences."""
    expect_latest_events(empty, data, mixed, least=6)


def changes(root: str, table: Table) -> list[str]:
    """What the change data feed says of every commit, without the numbers and times of the commits."""
    feed = pa.table(DeltaTable(table.path(root)).load_cdf(starting_version=1))
    names = [name for name in feed.column_names if name not in ("_commit_version", "_commit_timestamp")]
    return sorted(str(row) for row in plain_strings(feed).select(names).to_pylist())


def keys(root: str, table: Table) -> list[tuple[object, ...]]:
    """The key of every row, in order: a key with two rows appears twice."""
    rows = DeltaTable(table.path(root)).to_pyarrow_table(columns=list(table.key)).to_pylist()
    return sorted(tuple(row.values()) for row in rows)


def outcomes(root: str) -> list[tuple[int, ...]]:
    """Of each batch: rows in, applied, superseded, deleted and quarantined."""
    batches = sorted(Lakehouse(root).read(SILVER_BATCHES).to_pylist(), key=lambda row: row["batch_id"])
    return [tuple(row[name] for name in COUNTS) for row in batches]


TWICE = numbered(
    [event(USER, "u", 10), event(MOVIE, "m", 10), tombstone("x", 10), event(MOVIE, "r", 10, titulo="")]
)
ONCE_EACH = (
    (SILVER_USERS, [("u",)]),
    (SILVER_CONTENT, [("m",)]),
    (SILVER_TOMBSTONES, [("x",)]),
    (SILVER_QUARANTINE, [("t", 0, 3)]),
)


def test_a_record_that_bronze_holds_twice_is_once_in_silver(
    spark: SparkSession, tmp_path: Path, new_root: NewRoot, write: Write
) -> None:
    root = new_root(tmp_path)
    # appended; then found again, and merged into older rows
    later = numbered([event(USER, "u", 20), tombstone("x", 20)], first=4)
    for batch_id, rows in enumerate([TWICE + TWICE, TWICE + later + later]):
        write(judged(spark, rows), root, query_id="q", batch_id=batch_id, versions={})
        for table, expected in ONCE_EACH:
            assert keys(root, table) == expected, (batch_id, table.sql_name)
    # a second row in one batch is superseded; m is what silver already holds, as in a repeated batch
    assert outcomes(root) == [(8, 2, 3, 1, 2), (8, 2, 4, 1, 1)]


def test_two_events_of_one_record_are_two_events(
    spark: SparkSession, tmp_path: Path, new_root: NewRoot, write: Write
) -> None:
    """For example in a recreated topic: the coordinates do not say which row won."""
    root = new_root(tmp_path)
    rows = [event(USER, "a", 10), event(USER, "b", 10), *numbered([event(USER, "a", 20)], first=1)]
    write(judged(spark, rows), root, query_id="q", batch_id=0, versions={})
    assert keys(root, SILVER_USERS) == [("a",), ("b",)]
    assert outcomes(root) == [(3, 2, 1, 0, 0)]


def test_a_key_that_a_table_holds_twice_is_once_after_its_next_event(
    spark: SparkSession, tmp_path: Path, new_root: NewRoot, write: Write
) -> None:
    """Batches from before this rule left such rows. One that is not touched, or meets an older event, stays."""
    root = new_root(tmp_path)
    first = [event(USER, id_, 10) for id_ in ("new", "same", "old", "deleted", "untouched")] + [tombstone("x", 10)]
    write(judged(spark, numbered(first)), root, query_id="q", batch_id=0, versions={})
    lake = Lakehouse(root)
    for table in (SILVER_USERS, SILVER_TOMBSTONES):
        append(lake.delta(table), lake.read(table))
    second = [event(USER, "new", 20), event(USER, "old", 5), tombstone("deleted", 20), tombstone("x", 20)]
    rows = [*numbered(first)[1:2], *numbered([*second, event(USER, "other", 20)], first=6)]
    write(judged(spark, rows), root, query_id="q", batch_id=1, versions={})
    stay = [("old",)] * 2 + [("other",), ("same",)] + [("untouched",)] * 2
    assert keys(root, SILVER_USERS) == [("new",), *stay]
    assert keys(root, SILVER_TOMBSTONES) == [("deleted",), ("x",)]
    users = lake.read(SILVER_USERS, where="id IN ('new', 'same')").to_pylist()
    assert sorted((row["id"], row["event_timestamp"].minute) for row in users) == [("new", 20), ("same", 10)]


def test_small_files_of_batches_in_process_are_joined(
    spark: SparkSession, tmp_path: Path, new_root: NewRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "MOST_FILES", 3)
    root = new_root(tmp_path)
    for number in range(3):
        rows = judged(spark, numbered([event(FEEDBACK, f"f{number}", 1)], first=number))
        in_process(rows, root, query_id="q", batch_id=number, versions={})
    lake = Lakehouse(root)
    join_small_files(lake, open_tables(lake))
    assert len(lake.delta(SILVER_FEEDBACK).file_uris()) == 1
    operations = [commit.operation for commit in lake.history(SILVER_FEEDBACK)]
    assert operations == ["OPTIMIZE", "MERGE", "MERGE", "MERGE", "CREATE TABLE"]
    assert sorted(lake.read(SILVER_FEEDBACK)["id"].to_pylist()) == ["f0", "f1", "f2"]
