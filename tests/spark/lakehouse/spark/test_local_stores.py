"""The session's log store and checkpoint manager for local files: whole, synced, never over another's file."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from py4j.java_gateway import JavaObject
from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from lakehouse.stores import spark_options
from tests.support.folders import EVERY_SIGN

FIRST = f"{0:020d}.json"


def jvm(spark: SparkSession) -> Any:
    return spark.sparkContext._jvm


def path(spark: SparkSession, file: Path) -> JavaObject:
    return jvm(spark).org.apache.hadoop.fs.Path(str(file))


def commit(spark: SparkSession, file: Path, actions: Sequence[object], *, overwrite: bool = False) -> None:
    """Write the file by the log store of the session."""
    configuration = spark.sparkContext._jsc.hadoopConfiguration()  # type: ignore[attr-defined]
    lines = jvm(spark).java.util.ArrayList()
    for action in actions:
        lines.add(json.dumps(action, separators=(",", ":")))
    store = jvm(spark).lakehouse.LocalLogStore(configuration)
    store.write(path(spark, file), lines.iterator(), overwrite, configuration)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    folder = tmp_path / EVERY_SIGN
    (folder / "_delta_log").mkdir(parents=True)
    return folder


def add(name: str) -> dict[str, Any]:
    values = {"partitionValues": {}, "size": 1, "modificationTime": 0, "dataChange": True}
    return {"add": {"path": name, **values}}


def test_a_session_uses_them(spark: SparkSession) -> None:
    for name, value in spark_options("/data/lakehouse").items():
        assert spark.conf.get(name) == value


def test_a_commit_replaces_no_other(spark: SparkSession, table: Path) -> None:
    commit(spark, table / "_delta_log" / FIRST, [{"txn": 1}])
    with pytest.raises(Py4JJavaError, match="FileAlreadyExistsException"):
        commit(spark, table / "_delta_log" / FIRST, [{"txn": 2}])
    [file] = (table / "_delta_log").iterdir()
    assert file.read_text() == '{"txn":1}\n'


@pytest.mark.parametrize(
    ("action", "name"),
    [
        (add("part%20%25-1.parquet"), "part %-1.parquet"),
        ({"cdc": add("_change_data/cdc-1.parquet")["add"]}, "_change_data/cdc-1.parquet"),
        (
            {
                "add": {
                    **add("part-1.parquet")["add"],
                    "deletionVector": {
                        "storageType": "u",
                        "pathOrInlineDv": "ab^-aqEH.-t@S}K{vb[*k^",
                        "offset": 4,
                        "sizeInBytes": 40,
                        "cardinality": 6,
                    },
                }
            },
            # the example of Delta's protocol
            "ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin",
        ),
    ],
    ids=["data", "changes", "deletion vector"],
)
def test_a_commit_appears_only_with_its_files(
    spark: SparkSession, table: Path, action: dict[str, Any], name: str
) -> None:
    """It syncs them first, so it must find them."""
    (table / "part-1.parquet").touch()
    with pytest.raises(Py4JJavaError, match="NoSuchFileException"):
        commit(spark, table / "_delta_log" / FIRST, [action])
    assert list((table / "_delta_log").iterdir()) == []
    (table / name).parent.mkdir(exist_ok=True)
    (table / name).touch()
    commit(spark, table / "_delta_log" / FIRST, [action])
    assert [file.name for file in (table / "_delta_log").iterdir()] == [FIRST]


def test_the_hint_to_a_checkpoint_is_replaced(spark: SparkSession, table: Path) -> None:
    """With Hadoop's checksum of the old one, which an earlier version of this project wrote."""
    log = table / "_delta_log"
    (log / f"{7:020d}.checkpoint.parquet").touch()
    (log / "._last_checkpoint.crc").write_bytes(b"crc\0")
    for version in (6, 7):
        commit(spark, log / "_last_checkpoint", [{"version": version, "size": 1}], overwrite=True)
    assert {file.name for file in log.iterdir()} == {f"{7:020d}.checkpoint.parquet", "_last_checkpoint"}
    assert json.loads((log / "_last_checkpoint").read_text())["version"] == 7


def manager(spark: SparkSession, folder: Path) -> JavaObject:
    configuration = spark.sparkContext._jsc.hadoopConfiguration()  # type: ignore[attr-defined]
    return jvm(spark).lakehouse.LocalCheckpointFileManager(path(spark, folder), configuration)


def test_a_checkpoints_file_appears_when_it_is_closed(spark: SparkSession, table: Path) -> None:
    file = table / "offsets"
    files = manager(spark, table)
    stream = files.createAtomic(path(spark, file), False)
    stream.write(b"v1\n")
    assert not file.exists()
    stream.close()
    assert file.read_bytes() == b"v1\n"
    again = files.createAtomic(path(spark, file), False)
    again.write(b"v2\n")
    with pytest.raises(Py4JJavaError, match=r"hadoop\.fs\.FileAlreadyExistsException"):
        again.close()
    cancelled = files.createAtomic(path(spark, table / "commits"), False)
    cancelled.write(b"v1\n")
    cancelled.cancel()
    assert {one.name for one in table.iterdir()} == {"_delta_log", "offsets"}
    assert file.read_bytes() == b"v1\n"
    replaced = files.createAtomic(path(spark, file), True)
    replaced.write(b"v3\n")
    replaced.close()
    assert file.read_bytes() == b"v3\n"
