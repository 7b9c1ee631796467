"""Which files a power failure may have emptied without loss, and which stop a stream: no Spark.

Each lakehouse has three batches, of which the last may be incomplete; the newest files are then emptied or cut.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from lakehouse.compaction import COPY
from lakehouse.history.commits import StreamBatch
from lakehouse.history.damage import DamageError, require_whole_logs
from lakehouse.history.recovery import recover
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import (
    BRONZE_EVENTS,
    BRONZE_FEEDBACK,
    GOLD_POPULARITY,
    SILVER_BATCHES,
    SILVER_CORRECTIONS,
    SILVER_USERS,
    Table,
)
from tests.support.delta_tables import write

QUERY = "5ae5f6fd"
BATCHES = 3
COMMIT = "v1\n{}"
BATCH_COLUMNS = pa.schema(
    [("query_id", pa.string()), ("batch_id", pa.int64()), ("silver_versions", pa.map_(pa.string(), pa.int64()))]
)
KAFKA = 'v1\n{"conf":{}}\n{"users":{"0":3}}'


def log(table: Table) -> str:
    return f"{table.layer}/{table.name}/_delta_log"


def newest(table: Table, version: int = BATCHES) -> str:
    return f"{log(table)}/{version:020d}.json"


def make_checkpoint(root: Path, stream: str, offsets: Iterable[str], *, ended: int = BATCHES) -> Path:
    folder = root / "checkpoints" / stream
    for part, texts in (("offsets", [*offsets]), ("commits", [COMMIT] * ended)):
        (folder / part).mkdir(parents=True)
        for batch, text in enumerate(texts):
            (folder / part / str(batch)).write_text(text)
    (folder / "metadata").write_text(json.dumps({"id": QUERY}))
    return folder


def make_bronze(root: Path, *, table: Table = BRONZE_EVENTS, ended: int = BATCHES) -> None:
    """A table of a commit that created it and one for each batch, as its stream describes them."""
    path = root / table.layer / table.name
    for version in range(BATCHES + 1):
        write_deltalake(path, pa.table({"id": [str(version)]}), mode="append")
        file = path / "_delta_log" / f"{version:020d}.json"
        appended = {"operation": "WRITE", "userMetadata": StreamBatch(QUERY, version - 1).note}
        info = json.dumps({"commitInfo": appended if version else {"operation": "CREATE TABLE"}})
        lines = [line for line in file.read_text().splitlines() if "commitInfo" not in line]
        file.write_text("\n".join([*lines, info]))
        file.with_suffix(".crc").write_text("{}")
        file.with_name(f".{file.name}.crc").write_bytes(b"crc\0")
    make_checkpoint(root, f"bronze/{table.name}", [KAFKA] * BATCHES, ended=ended)


def read_by_silver(version: int) -> str:
    """The offsets of a silver batch that reads bronze.events up to this version."""
    position = {"reservoirId": "a", "reservoirVersion": version + 1, "index": -1, "isStartingVersion": False}
    return f'v1\n{{"conf":{{}}}}\n{json.dumps(position)}\n-'


def make_silver(root: Path, *, ended: int = BATCHES) -> None:
    """silver.users and silver.batches with a commit for each batch, after the one that created them."""
    for batch in range(-1, BATCHES):
        write_deltalake(root / "silver/users", pa.table({"id": [str(batch)]}), mode="append")
        row = {"query_id": QUERY, "batch_id": batch, "silver_versions": {"silver.users": batch + 1}}
        rows = pa.Table.from_pylist([row] if batch >= 0 else [], schema=BATCH_COLUMNS)
        write_deltalake(root / "silver/batches", rows, mode="append")
    write_deltalake(root / "silver/corrections", pa.table({"id": ["1"]}), mode="append")
    make_checkpoint(root, "silver", [read_by_silver(batch + 1) for batch in range(BATCHES)], ended=ended)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path


def recovered(root: Path, layer: str, names: Iterable[str], *, how: bytes = b"") -> dict[str, str]:
    """Damage these files and recover: the files that were set aside, and what they are called now."""
    for name in names:
        (root / name).write_bytes(how)
    before = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    recover(Lakehouse(root), layer)
    after = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    new = {re.sub(r"/\.(?P<name>[^/]*)\.before-\d{8}T\d{6}", r"/\g<name>", name): name for name in after - before}
    assert {name for name in new if not name.endswith("json.crc")} == {
        name for name in before - after if not name.endswith("json.crc")
    }
    return {name: aside for name, aside in new.items() if not name.startswith(".")}


BRONZE_FILES = {
    "table": newest(BRONZE_EVENTS),
    "offset": "checkpoints/bronze/events/offsets/2",
    "commit": "checkpoints/bronze/events/commits/2",
}
SILVER_FILES = {
    "users": newest(SILVER_USERS),
    "batches": newest(SILVER_BATCHES),
    "offset": "checkpoints/silver/offsets/2",
    "commit": "checkpoints/silver/commits/2",
}


@pytest.mark.parametrize(
    ("emptied", "aside"),
    [
        ("commit", "commit"),  # the batch is repeated, and Delta finds it in the table
        ("offset", ""),  # nothing else says which records the complete batch read
        ("offset commit", ""),  # a new plan for batch 2 would be taken for the batch that the table has
        ("table", "table commit"),  # the batch is done again as it was planned
        ("table commit", "table commit"),
        ("table offset", "table offset commit"),  # the batch never was: Kafka still has its records
        ("table offset commit", "table offset commit"),
    ],
)
@pytest.mark.parametrize("how", [b"", b'v1\n{"cut'], ids=["empty", "cut"])
def test_bronze_after_its_last_batch(root: Path, emptied: str, aside: str, how: bytes) -> None:
    make_bronze(root)
    damaged = [BRONZE_FILES[name] for name in emptied.split()]
    found = recovered(root, "bronze", damaged, how=how)
    checksum = {f"{log(BRONZE_EVENTS)}/{BATCHES:020d}.crc"} if "table" in aside else set()
    assert {name for name in found if "json.crc" not in name} == {
        BRONZE_FILES[name] for name in aside.split()
    } | checksum
    if aside:
        require_whole_logs(str(root), "bronze")
        assert recovered(root, "bronze", []) == {}


@pytest.mark.parametrize(
    ("version", "emptied", "aside"),
    [
        (BATCHES, "offset", ""),  # the table has the batch, the checkpoint would plan another one of that number
        (BATCHES - 1, "offset", "offset"),  # no record of that batch was written
        (BATCHES, "table", "table"),  # the planned batch is done as it was planned
        (BATCHES, "table offset", "table offset"),
    ],
)
def test_bronze_in_its_last_batch(root: Path, version: int, emptied: str, aside: str) -> None:
    make_bronze(root, ended=BATCHES - 1)
    for later in range(version + 1, BATCHES + 1):
        for file in (root / log(BRONZE_EVENTS)).glob(f"*{later:020d}*"):
            file.unlink()
    found = recovered(root, "bronze", [BRONZE_FILES[name] for name in emptied.split()])
    assert {name for name in found if ".crc" not in name} == {BRONZE_FILES[name] for name in aside.split()}


def test_several_lost_batches_are_done_again(root: Path) -> None:
    """Half a minute of batches may be empty: the rest of a checkpoint that is ahead of its table goes too."""
    make_bronze(root)
    found = recovered(root, "bronze", [newest(BRONZE_EVENTS, version) for version in (2, 3)])
    kept = {path.name for path in (root / "checkpoints/bronze/events").rglob("*") if path.name.isdigit()}
    folder = "checkpoints/bronze/events"
    assert {name for name in found if name.startswith("check")} == {
        f"{folder}/commits/2",
        f"{folder}/commits/1",
        f"{folder}/offsets/2",
    }
    assert kept == {"0", "1"}
    assert DeltaTable(root / "bronze/events").version() == 1


def test_what_silver_has_read_stays(root: Path) -> None:
    make_bronze(root)
    make_silver(root)
    assert recovered(root, "bronze", [newest(BRONZE_EVENTS)]) == {}
    with pytest.raises(DamageError, match=r"3\.json is empty; put it back from a copy; or read Kafka again"):
        require_whole_logs(str(root), "bronze")
    # silver forgets its last batch too: it reads those records again
    silver = [SILVER_FILES[name] for name in ("users", "batches", "offset", "commit")]
    assert BRONZE_FILES["table"] in recovered(root, "bronze", silver)
    assert recovered(root, "silver", []).keys() >= {*silver}


def test_each_stream_is_recovered_alone(root: Path) -> None:
    make_bronze(root)
    make_bronze(root, table=BRONZE_FEEDBACK)
    found = recovered(root, "bronze", ["checkpoints/bronze/feedback/commits/2"])
    assert [*found] == ["checkpoints/bronze/feedback/commits/2"]


@pytest.mark.parametrize(
    ("emptied", "aside"),
    [
        ("commit", "commit"),  # the batch is repeated and changes nothing
        ("offset", ""),
        ("offset commit", ""),  # silver.batches says that batch 2 is done
        ("users", ""),  # silver.batches says that the version was written
        ("batches", "batches commit"),  # the batch is repeated as it was planned, and recorded
        ("batches offset", "batches offset commit"),  # planned anew: rows that are there are found
        ("users batches", "users batches commit"),
        ("users batches offset commit", "users batches offset commit"),
    ],
)
def test_silver_after_its_last_batch(root: Path, emptied: str, aside: str) -> None:
    make_bronze(root)
    make_silver(root)
    found = recovered(root, "silver", [SILVER_FILES[name] for name in emptied.split()])
    assert found.keys() == {SILVER_FILES[name] for name in aside.split()}
    if aside:
        require_whole_logs(str(root), "silver")


def test_a_commit_of_an_unfinished_silver_batch_never_was(root: Path) -> None:
    make_silver(root, ended=BATCHES - 1)
    (root / newest(SILVER_BATCHES)).unlink()
    assert recovered(root, "silver", [newest(SILVER_USERS)]).keys() == {newest(SILVER_USERS)}
    assert DeltaTable(root / "silver/users").version() == BATCHES - 1


def test_what_gold_was_built_from_stays(root: Path) -> None:
    make_silver(root, ended=BATCHES - 1)
    (root / newest(SILVER_BATCHES)).unlink()
    write(root, GOLD_POPULARITY, note=json.dumps({"inputs": {"silver.users": BATCHES}}))
    assert recovered(root, "silver", [newest(SILVER_USERS)]) == {}


def test_what_people_decided_stays(root: Path) -> None:
    make_silver(root)
    files = [newest(SILVER_CORRECTIONS, 0), SILVER_FILES["commit"]]
    assert recovered(root, "silver", files) == {}


def test_another_streams_tables_stay(root: Path) -> None:
    """A checkpoint that was put back from elsewhere is no matter of power."""
    make_bronze(root)
    make_silver(root)
    for stream in ("bronze/events", "silver"):
        (root / "checkpoints" / stream / "metadata").write_text('{"id": "another"}')
    assert recovered(root, "bronze", [BRONZE_FILES["commit"]]) == {}
    assert recovered(root, "silver", [SILVER_FILES["commit"]]) == {}


def test_an_older_table_is_no_matter_of_power(root: Path) -> None:
    """The same files are missing, not empty: somebody has put back a copy."""
    make_bronze(root)
    (root / newest(BRONZE_EVENTS)).unlink()
    (root / log(BRONZE_EVENTS) / f"{BATCHES:020d}.crc").unlink()
    assert recovered(root, "bronze", []) == {}


@pytest.mark.parametrize("name", ["offsets/1", "metadata"])
def test_a_start_needs_more_than_the_newest_files(root: Path, name: str) -> None:
    make_bronze(root)
    assert recovered(root, "bronze", [f"checkpoints/bronze/events/{name}", BRONZE_FILES["commit"]]) == {}


def test_the_line_names_the_file(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_bronze(root)
    found = recovered(root, "bronze", [BRONZE_FILES["commit"]])
    [line] = capsys.readouterr().err.splitlines()
    aside = Path(found[BRONZE_FILES["commit"]]).name
    file = f"{root}/{BRONZE_FILES['commit']}"
    assert line == f"lakehouse: power failure: {file} is set aside as {aside}, its batch runs again"
    assert re.fullmatch(r"\.2\.before-\d{8}T\d{6}", aside)


def test_hadoops_checksum_goes_with_its_file(root: Path) -> None:
    """A new commit of that version would not fit it."""
    make_bronze(root)
    recovered(root, "bronze", [newest(BRONZE_EVENTS)])
    assert not (root / log(BRONZE_EVENTS) / f".{BATCHES:020d}.json.crc").exists()


def test_a_command_names_the_stream_that_recovers(root: Path) -> None:
    make_bronze(root)
    (root / newest(BRONZE_EVENTS)).write_bytes(b"")
    with pytest.raises(DamageError, match=r"json is empty; lakehouse run --select bronze sets it aside and runs"):
        require_whole_logs(str(root), "bronze")


def test_a_table_keeps_a_version(root: Path) -> None:
    """Without one it would be created anew, over data files that may be another's."""
    make_bronze(root)
    assert recovered(root, "bronze", [newest(BRONZE_EVENTS, version) for version in range(BATCHES + 1)]) == {}


def test_a_half_joined_copy_goes_with_the_next_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_bronze(tmp_path)
    left = tmp_path / "bronze" / "events" / COPY / "_delta_log"
    left.mkdir(parents=True)
    recover(Lakehouse(tmp_path), "bronze")
    assert not left.parent.exists()
    assert capsys.readouterr().err == ""
