"""Which file is damaged, and what repairs it, from the files alone: tables written by delta-rs, no Spark."""

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError

from bronze import resume
from lakehouse.errors import BrokerError, InputError, LakehouseError
from lakehouse.history.damage import DamageError, broken_logs, require_whole_logs, table_damage
from lakehouse.history.damage_errors import damage_named
from lakehouse.settings import load_settings
from lakehouse.spark.checkpoints import BrokenCheckpointError, CheckpointError, line_fault
from lakehouse.spark.streams import StreamError
from lakehouse.tables import BRONZE_EVENTS, SILVER_CORRECTIONS, SILVER_USERS, Table
from operations.cli import main
from silver import continuity
from tests.support.damaged import DAMAGES

FROM_KAFKA = (
    "put it back from a copy; or read Kafka again: lakehouse rebuild bronze, then lakehouse run --select bronze, "
    "then lakehouse rebuild silver"
)
FROM_BRONZE = "lakehouse rebuild silver builds silver again from bronze"
CHECKPOINT = "put back a copy that is as new as the tables, or: lakehouse rebuild "
WAS = "; the error was: what Spark says"
METADATA = '{"id":"5ae5f6fd"}'
COMMIT = 'v1\n{"nextBatchWatermarkMs":0}'


def make_table(root: Path, table: Table) -> Path:
    """A table of three commits with a row each; returns the folder of its log."""
    path = root / table.layer / table.name
    for number in range(3):
        write_deltalake(path, pa.table({"id": [str(number)]}), mode="append")
    return path / "_delta_log"


def make_checkpoint(root: Path, stream: str, *, offsets: str) -> Path:
    """The checkpoint after three batches."""
    folder = root / "checkpoints" / stream
    for log, text in (("offsets", offsets), ("commits", COMMIT)):
        (folder / log).mkdir(parents=True)
        for batch in range(3):
            (folder / log / str(batch)).write_text(text)
    (folder / "metadata").write_text(METADATA)
    return folder


def delta_offset(version: int) -> str:
    return json.dumps({"reservoirId": "a", "reservoirVersion": version, "index": -1, "isStartingVersion": False})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Bronze, silver and their checkpoints; silver has read all of bronze."""
    for table in (BRONZE_EVENTS, SILVER_USERS, SILVER_CORRECTIONS):
        make_table(tmp_path, table)
    make_checkpoint(tmp_path, "bronze/events", offsets='v1\n{"conf":{}}\n{"users":{"0":3}}')
    make_checkpoint(tmp_path, "silver", offsets=f'v1\n{{"conf":{{}}}}\n{delta_offset(3)}\n-')
    return tmp_path


def explanation(root: Path, error: Exception | None = None, *, repairing: str = "") -> LakehouseError:
    """The error in place of this one, by default one that names no file: then the new one must end with it."""
    with pytest.raises(LakehouseError) as raised, damage_named(str(root), repairing=repairing):
        raise error or ValueError("what Spark says")
    if error is not None:
        return raised.value
    text = str(raised.value)
    assert text.endswith(WAS)
    return type(raised.value)(text.removesuffix(WAS))


FILES: dict[str, str] = {
    **{
        f"checkpoints/bronze/events/{name}": f"{CHECKPOINT}bronze"
        for name in ("metadata", "offsets/2", "offsets/1")
    },
    "checkpoints/bronze/events/commits/2": f"{CHECKPOINT}bronze",
    **{f"checkpoints/silver/{name}": f"{CHECKPOINT}silver" for name in ("metadata", "offsets/2", "commits/2")},
    **{f"bronze/events/_delta_log/{version:020d}.json": FROM_KAFKA for version in (0, 1, 2)},
    **{f"silver/users/_delta_log/{version:020d}.json": FROM_BRONZE for version in (0, 1, 2)},
    "silver/corrections/_delta_log/00000000000000000001.json": (
        "put it back from a copy: nothing else holds what people decided"
    ),
}
# Without these the checkpoint looks like one of fewer batches, and nothing shows the table's last version.
UNSEEN = {
    ("checkpoints/bronze/events/commits/2", "deleted"),
    ("checkpoints/silver/commits/2", "deleted"),
    ("bronze/events/_delta_log/00000000000000000002.json", "deleted"),
    ("silver/users/_delta_log/00000000000000000002.json", "deleted"),
}


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("file", FILES)
def test_the_file_is_named_with_its_repair(root: Path, file: str, how: str) -> None:
    DAMAGES[how](root / file)
    if (file, how) in UNSEEN:
        with pytest.raises(ValueError, match="what Spark says"), damage_named(str(root)):
            raise ValueError("what Spark says")
        return
    error = explanation(root)
    assert isinstance(error, DamageError)
    fault = {"empty": "empty", "cut": "cut or damaged", "deleted": "missing"}[how]
    assert str(error) == f"{root / file} is {fault}; {FILES[file]}"


@pytest.mark.parametrize(
    "file", ["offsets/0", "commits/0", "commits/1"], ids=lambda file: str(file).replace("/", " ")
)
@pytest.mark.parametrize("how", DAMAGES)
def test_what_no_start_reads_is_no_damage(root: Path, file: str, how: str) -> None:
    DAMAGES[how](root / "checkpoints" / "silver" / file)
    with pytest.raises(ValueError, match="what Spark says"), damage_named(str(root)):
        raise ValueError("what Spark says")


def test_a_checksum_reveals_the_newest_commit(root: Path) -> None:
    """Delta writes the checksum after the commit."""
    log = root / "silver" / "users" / "_delta_log"
    (log / "00000000000000000002.crc").write_text("{}")
    require_whole_logs(str(root), "silver")
    (log / "00000000000000000002.json").unlink()
    with pytest.raises(DamageError, match=r"0002\.json is missing; lakehouse rebuild silver"):
        require_whole_logs(str(root), "silver")


def test_an_empty_commit_is_found_before_delta_reads_it(root: Path) -> None:
    require_whole_logs(str(root), "bronze", "silver")
    (root / "bronze/events/_delta_log/00000000000000000002.json").write_bytes(b"")
    require_whole_logs(str(root), "silver")
    with pytest.raises(DamageError, match=r"0002\.json is empty"):
        require_whole_logs(str(root), "bronze", "silver")


@pytest.mark.parametrize(("table", "todo"), [(BRONZE_EVENTS, FROM_KAFKA), (SILVER_USERS, FROM_BRONZE)])
@pytest.mark.parametrize("how", DAMAGES)
def test_a_data_file(root: Path, table: Table, todo: str, how: str) -> None:
    file = sorted((root / table.layer / table.name).glob("*.parquet"))[0]
    size = file.stat().st_size
    DAMAGES[how](file)
    fault = {"empty": "empty", "cut": f"damaged: it has {size // 2:,} bytes of {size:,}", "deleted": "missing"}[
        how
    ]
    assert str(explanation(root)) == f"{file} is {fault}; {todo}"
    damage = table_damage(str(root), table)
    assert damage is not None
    assert damage.lost == "rows"
    assert broken_logs(str(root), table.layer) == []


def test_what_stopped_a_stream_is_still_reported(root: Path) -> None:
    file = next((root / "silver" / "users").glob("*.parquet"))
    file.unlink()
    error = explanation(root, StreamError("stream silver stopped: File does not exist", todo="no idea"))
    assert isinstance(error, StreamError)
    assert str(error) == (
        f"stream silver stopped: {file} is missing; {FROM_BRONZE}; the error was: File does not exist"
    )


@pytest.mark.parametrize(
    ("stream", "file", "concerned"),
    [
        ("bronze.events", "bronze/events/_delta_log/00000000000000000001.json", True),
        ("bronze.events", "checkpoints/bronze/events/commits/2", True),
        ("bronze.events", "checkpoints/silver/commits/2", False),
        ("bronze.events", "silver/users/_delta_log/00000000000000000001.json", False),
        ("bronze.feedback", "bronze/events/_delta_log/00000000000000000001.json", False),
        ("bronze.feedback", "checkpoints/bronze/events/commits/2", False),
        ("silver", "bronze/events/_delta_log/00000000000000000001.json", True),
        ("silver", "silver/users/_delta_log/00000000000000000001.json", True),
        ("silver", "checkpoints/silver/commits/2", True),
        ("silver", "checkpoints/bronze/events/commits/2", False),
    ],
)
def test_damage_to_what_a_stream_does_not_use_explains_nothing(
    root: Path, stream: str, file: str, concerned: bool
) -> None:
    (root / file).write_bytes(b"")
    error = StreamError(f"stream {stream} stopped: no idea", todo="any")
    with pytest.raises(StreamError) as raised, damage_named(str(root)):
        raise error
    assert (str(root / file) in str(raised.value)) is concerned
    assert "no idea" in str(raised.value)


def test_a_file_elsewhere_is_a_cause_of_its_own(root: Path) -> None:
    """Spark names a file of gold: the damaged checkpoint of bronze has nothing to do with it."""
    (root / "checkpoints/bronze/events/commits/2").write_bytes(b"")
    error = ValueError(f"File file:{root}/gold/recommendations/part-0.parquet does not exist")
    with pytest.raises(ValueError, match="does not exist") as raised, damage_named(str(root)):
        raise error
    assert raised.value is error


def test_a_file_that_only_silver_has_still_to_read(root: Path) -> None:
    """Compacted and vacuumed: bronze is intact, and silver was behind."""
    offsets = root / "checkpoints" / "silver" / "offsets" / "2"
    offsets.write_text(f'v1\n{{"conf":{{}}}}\n{delta_offset(2)}\n-')
    table = DeltaTable(root / "bronze" / "events")
    table.optimize.compact()
    table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    log = [json.loads(line) for line in table_log_file(root, 2).read_text().splitlines()]
    unread = next(line["add"]["path"] for line in log if "add" in line)
    assert not (root / "bronze" / "events" / unread).exists()
    assert str(explanation(root)) == f"{root}/bronze/events/{unread} is missing; {FROM_BRONZE}"
    offsets.write_text(f'v1\n{{"conf":{{}}}}\n{delta_offset(3)}\n-')
    with pytest.raises(ValueError, match="what Spark says"), damage_named(str(root)):
        raise ValueError("what Spark says")


@pytest.mark.parametrize("begun", [False, True])
def test_what_vacuum_took_before_silver_began_is_not_missing(root: Path, begun: bool) -> None:
    """The first three commits name files that no version after the vacuum has."""
    silver = root / "checkpoints" / "silver"
    table = DeltaTable(root / "bronze" / "events")
    table.optimize.compact()
    table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    version = DeltaTable(root / "bronze" / "events").version()
    line = {"reservoirId": "a", "reservoirVersion": version, "index": 0, "isStartingVersion": True}
    (silver / "offsets" / "2").write_text(f'v1\n{{"conf":{{}}}}\n{json.dumps(line) if begun else "-"}\n-')
    with pytest.raises(ValueError, match="what Spark says"), damage_named(str(root)):
        raise ValueError("what Spark says")


def test_files_of_the_version_with_which_silver_began(root: Path) -> None:
    line = {"reservoirId": "a", "reservoirVersion": 2, "index": 0, "isStartingVersion": True}
    offsets = root / "checkpoints" / "silver" / "offsets" / "2"
    offsets.write_text(f'v1\n{{"conf":{{}}}}\n{json.dumps(line)}\n-')
    table = DeltaTable(root / "bronze" / "events")
    table.optimize.compact()
    table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    assert str(explanation(root)).endswith(f".parquet is missing; {FROM_BRONZE}")


def table_log_file(root: Path, version: int) -> Path:
    return root / "bronze" / "events" / "_delta_log" / f"{version:020d}.json"


def test_a_file_of_the_right_size_is_named_by_the_cause(root: Path) -> None:
    file = next((root / "bronze" / "events").glob("*.parquet"))
    error = explanation(root, StreamError(f"stream silver stopped: file:{file} is not a Parquet file"))
    assert str(error) == (
        f"stream silver stopped: {file} is damaged (stream silver stopped: file:{file} is not a Parquet file); "
        f"put it back from a copy; without one delete it, and: {FROM_KAFKA}"
    )


@pytest.mark.parametrize("size", [0, 1, 512, 513])
@pytest.mark.parametrize("kept", [0, 4, 11])
def test_hadoops_checksum_of_a_file(root: Path, size: int, kept: int) -> None:
    """8 bytes plus 4 per 512; a shorter one stops Hadoop's readers."""
    log = root / "silver" / "users" / "_delta_log"
    (log / "_last_checkpoint").write_bytes(b"x" * size)
    whole = b"crc\0\0\0\2\0" + b"sums" * -(-size // 512)
    checksum = log / "._last_checkpoint.crc"
    checksum.write_bytes(whole)
    with pytest.raises(ValueError, match="what Spark says"), damage_named(str(root)):
        raise ValueError("what Spark says")
    checksum.write_bytes(whole[:-1][:kept])
    fault = "cut or damaged" if kept else "empty"
    assert str(explanation(root)) == f"{checksum} is {fault}; delete that file: it is only a checksum"


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("is_spare", [True, False], ids=["all commits", "commits cleaned up"])
def test_a_checkpoint_of_the_log(root: Path, how: str, is_spare: bool) -> None:
    DeltaTable(root / "silver" / "users").create_checkpoint()
    log = root / "silver" / "users" / "_delta_log"
    file = log / "00000000000000000002.checkpoint.parquet"
    if not is_spare:
        (log / "00000000000000000000.json").unlink()
    DAMAGES[how](file)
    fault = {"empty": "empty", "cut": "cut or damaged", "deleted": "missing"}[how]
    if is_spare:
        hint = "_last_checkpoint"
        todo = f"{hint} beside it: the commits before it are all there"
        todo = f"delete {todo}" if how == "deleted" else f"delete that file and {todo}"
        assert str(explanation(root)) == f"{file} is {fault}; {todo}"
        file.unlink(missing_ok=True)
        (log / hint).unlink()
        assert DeltaTable(root / "silver" / "users").version() == 2
    elif how == "deleted":
        missing = log / "00000000000000000000.json"
        assert str(explanation(root)) == f"{missing} is missing; {FROM_BRONZE}"
    else:
        assert str(explanation(root)) == f"{file} is {fault}; {FROM_BRONZE}"


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize(
    "file",
    [
        "checkpoints/silver/offsets/2",
        "checkpoints/bronze/events/offsets/2",
        "bronze/events/_delta_log/00000000000000000001.json",
        "silver/users/_delta_log/00000000000000000002.json",
    ],
)
def test_status(root: Path, file: str, how: str) -> None:
    """A command that reads the files itself."""
    DAMAGES[how](root / file)
    kafka = load_settings().kafka.model_copy(update={"bootstrap_servers": "", "embedded_port": 0})
    settings = load_settings().model_copy(update={"root": str(root), "kafka": kafka})
    out, err = io.StringIO(), io.StringIO()
    code = main(["status"], settings=settings, stdout=out, stderr=err)
    if (file, how) in UNSEEN:
        assert code == 0
        return
    assert (code, out.getvalue()) == (2, "")
    fault = {"empty": "empty", "cut": "cut or damaged", "deleted": "missing"}[how]
    said, _, cause = err.getvalue().partition("; the error was: ")
    assert said.rstrip("\n") == f"lakehouse: {root / file} is {fault}; {FILES[file]}"
    # of a log, only delta-rs finds that, and does not name the file
    assert bool(cause) is (how == "cut" and "_delta_log" in file)
    assert err.getvalue().count("\n") == 1


OTHERS: dict[str, Callable[[], Exception]] = {
    "a broker": lambda: BrokerError("no broker"),
    "a wrong query": lambda: InputError("no column x"),
    "a closed pipe": lambda: BrokenPipeError(),
    "dropped records": lambda: CheckpointError("Kafka dropped users-0's records 3 to 9", todo="--accept-loss"),
    "another topic": lambda: CheckpointError("topic users is not the one that bronze.events was read from"),
    "a full disk": lambda: OSError(28, "No space left on device"),
    "a lost broker": lambda: StreamError("stream silver stopped: Connection refused", lost=True),
    "another writer": lambda: CommitFailedError("a concurrent transaction"),
    "a stream's full disk": lambda: StreamError("stream silver stopped: IOException: No space left on device"),
    "no memory": lambda: StreamError("stream silver stopped: Java heap space"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_errors_of_other_causes_stay(root: Path, name: str) -> None:
    (root / "silver/users/_delta_log/00000000000000000002.json").write_bytes(b"")
    error = OTHERS[name]()
    with pytest.raises(type(error)) as raised, damage_named(str(root)):
        raise error
    assert raised.value is error


@pytest.mark.parametrize(
    "problem",
    [
        "bronze.events and its checkpoint do not belong together: the checkpoint is an old copy",
        "silver and its checkpoint do not belong together: silver.users is gone",
        "the checkpoint file /lh/checkpoints/silver/commits/2 is damaged (empty)",
    ],
)
def test_a_damaged_file_may_be_behind_a_checkpoint_that_does_not_fit(root: Path, problem: str) -> None:
    file = root / "silver/users/_delta_log/00000000000000000002.json"
    file.write_bytes(b"")
    assert str(explanation(root, BrokenCheckpointError(problem, todo="any"))) == f"{file} is empty; {FROM_BRONZE}"


def test_the_damaged_file_that_delta_rs_names(root: Path) -> None:
    """Without the slash in front, as a small batch of silver fails."""
    file = next((root / "silver" / "users").glob("*.parquet"))
    file.write_bytes(b"")
    named = f"Failed to fetch metadata for file {str(file).removeprefix('/')}: Requested range was invalid"
    error = explanation(root, StreamError(f"stream silver stopped: External error: {named}, in batch 3"))
    assert str(error) == f"stream silver stopped: {file} is empty; {FROM_BRONZE}"


def test_the_damaged_file_that_the_cause_names_comes_first(root: Path) -> None:
    (root / "checkpoints/silver/commits/2").write_bytes(b"")
    (root / "silver/users/_delta_log/00000000000000000001.json").write_bytes(b"")
    file = next((root / "bronze" / "events").glob("*.parquet"))
    file.unlink()
    error = explanation(root, StreamError(f"stream silver stopped: file:{file} does not exist. It may be deleted"))
    assert str(error) == f"stream silver stopped: {file} is missing; {FROM_KAFKA}"


def test_a_file_of_the_right_size_that_the_cause_names_comes_before_other_damage(root: Path) -> None:
    (root / "checkpoints/silver/commits/2").write_bytes(b"")
    file = next((root / "bronze" / "events").glob("*.parquet"))
    error = explanation(root, StreamError(f"stream silver stopped: file:{file} is not a Parquet file"))
    assert str(error).startswith(f"stream silver stopped: {file} is damaged (")


@pytest.mark.parametrize(
    "file",
    [
        "checkpoints/bronze/events/commits/2",
        "bronze/events/_delta_log/00000000000000000001.json",
        "checkpoints/silver/commits/2",
        "silver/users/_delta_log/00000000000000000001.json",
    ],
)
def test_a_rebuild_does_not_report_what_it_repairs(root: Path, file: str) -> None:
    (root / file).write_bytes(b"")
    for layer in ("bronze", "silver"):
        if f"{layer}/" in file:
            with pytest.raises(ValueError, match="what Spark says"), damage_named(str(root), repairing=layer):
                raise ValueError("what Spark says")
        else:
            assert str(explanation(root, repairing=layer)) == f"{root / file} is empty; {FILES[file]}"


@pytest.mark.parametrize("layer", ["bronze", "silver"])
def test_the_command_knows_what_it_repairs(root: Path, layer: str) -> None:
    def no_session(*_: object, **__: object) -> NoReturn:
        raise ValueError("what Spark says")

    file = root / "checkpoints" / "silver" / "commits" / "2"
    file.write_bytes(b"")
    settings = load_settings().model_copy(update={"root": str(root)})
    out, err = io.StringIO(), io.StringIO()
    assert main(["rebuild", layer], settings=settings, session=no_session, stdout=out, stderr=err) == 2
    expected = "what Spark says (" if layer == "silver" else f"{file} is empty; {CHECKPOINT}silver{WAS}\n"
    assert err.getvalue().startswith(f"lakehouse: {expected}")


@pytest.mark.parametrize(
    "error", [continuity._apart("silver.users is gone"), resume._apart(BRONZE_EVENTS, "the table is an old copy")]
)
def test_what_the_streams_say_of_a_checkpoint_that_does_not_fit(error: CheckpointError) -> None:
    assert error.may_be_damage


def test_a_rebuild_reports_what_it_cannot_repair(root: Path) -> None:
    """Two files are damaged: silver's rebuild repairs its checkpoint, and bronze's data file stops it."""
    (root / "checkpoints/silver/commits/2").write_bytes(b"")
    decided = root / "silver/corrections/_delta_log/00000000000000000001.json"
    decided.write_bytes(b"")
    assert str(explanation(root, repairing="silver")).startswith(f"{decided} is empty; put it back from a copy: ")
    file = next((root / "bronze" / "events").glob("*.parquet"))
    file.unlink()
    assert str(explanation(root, repairing="silver")) == f"{file} is missing; {FROM_KAFKA}"


@pytest.mark.parametrize("address", ["wasbs://box@account.blob.core.windows.net/lh", "dbfs://lh"])
def test_a_root_that_pyarrow_cannot_open_has_no_known_damage(address: str) -> None:
    assert table_damage(address, BRONZE_EVENTS) is None
    assert broken_logs(address, "silver") == []
    with pytest.raises(ValueError, match="what Spark says"), damage_named(address):
        raise ValueError("what Spark says")


def add_commit(root: Path, table: Table, *actions: object) -> None:
    """The table's fourth commit."""
    file = root / table.layer / table.name / "_delta_log" / "00000000000000000003.json"
    file.write_text("".join(f"{json.dumps(action)}\n" for action in actions))


def test_a_table_with_an_unknown_feature_has_no_known_damage(root: Path) -> None:
    protocol = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["fromTheFuture"]}
    add_commit(root, SILVER_USERS, {"protocol": protocol})
    assert table_damage(str(root), SILVER_USERS) is None
    assert broken_logs(str(root), "silver") == []
    with pytest.raises(ValueError, match="what Spark says"), damage_named(str(root)):
        raise ValueError("what Spark says")
    file = next((root / "bronze" / "events").glob("*.parquet"))
    file.unlink()
    assert str(explanation(root)) == f"{file} is missing; {FROM_KAFKA}"


def added(path: str, size: int) -> dict[str, object]:
    return {"add": {"path": path, "size": size, "dataChange": True, "partitionValues": {}, "modificationTime": 0}}


def test_data_files_in_subfolders_and_elsewhere(root: Path) -> None:
    """A partitioned table has subfolders; a shallow clone has absolute paths, which are another table's files."""
    file = root / "silver" / "users" / "day=1 2" / "part-0.parquet"
    file.parent.mkdir()
    file.write_bytes(b"rows")
    elsewhere = [added("s3://box/users/part-1.parquet", 7), added("file:/gone/part-2.parquet", 7)]
    add_commit(root, SILVER_USERS, added("day=1%202/part-0.parquet", 4), *elsewhere, added("/gone/part-3", 7))
    assert table_damage(str(root), SILVER_USERS) is None
    checksum = file.with_name(".part-0.parquet.crc")
    checksum.write_bytes(b"")
    assert str(explanation(root)) == f"{checksum} is empty; delete that file: it is only a checksum"
    file.unlink()
    assert str(explanation(root)) == f"{file} is missing; {FROM_BRONZE}"


@pytest.mark.parametrize("how", ["deleted", "emptied"])
def test_a_table_without_its_log(root: Path, how: str) -> None:
    log = root / "silver" / "users" / "_delta_log"
    shutil.rmtree(log)
    if how == "emptied":
        log.mkdir()
    [(table, damage)] = broken_logs(str(root), "silver")
    assert (table, damage.path, damage.fault) == (SILVER_USERS, str(log), "without a commit")


def test_a_table_whose_making_was_cut_off_is_not_set_aside(tmp_path: Path) -> None:
    (tmp_path / "silver" / "users" / "_delta_log").mkdir(parents=True)
    assert broken_logs(str(tmp_path), "silver") == []


def test_decisions_without_their_log_stop_a_rebuild(root: Path) -> None:
    log = root / "silver" / "corrections" / "_delta_log"
    shutil.rmtree(log)
    with pytest.raises(DamageError, match="is without a commit; put it back from a copy: nothing else holds"):
        broken_logs(str(root), "silver")


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("metadata", METADATA, ""),
        ("metadata", "{}", "cut or damaged"),
        ("metadata", "[]", "cut or damaged"),
        ("metadata", "7", "cut or damaged"),
        ("metadata", "-", "cut or damaged"),
        ("metadata", METADATA[:-1], "cut or damaged"),
        ("metadata", "", "empty"),
        ("offsets/7", 'v1\n{"conf":{}}\n{"t":{"0":1}}', ""),
        ("offsets/7", 'v1\n{"conf":{}}\n-\n{}', ""),
        ("offsets/7", 'v1\n{"conf":{}}\n', "cut or damaged"),  # at the end of a line
        ("offsets/7", 'v1\n{"conf":{}}\n{"t":{"0"', "cut or damaged"),
        ("offsets/7", 'v1\n{"conf', "cut or damaged"),
        ("offsets/7", "\0\0\0", "cut or damaged"),
        ("commits/7", COMMIT, ""),
        ("commits/7", "v1\n", "cut or damaged"),
        ("commits/7", "v", "cut or damaged"),
        ("commits/7", COMMIT[:-1], "cut or damaged"),
    ],
)
def test_the_files_of_a_checkpoint(name: str, text: str, fault: str) -> None:
    assert line_fault(name, text) == fault
