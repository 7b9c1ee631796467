"""The search that proves that nobody is named: it must find an id wherever a file can hide it."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse.folders import open_folder
from operations.person.searching import files_naming

STRUCT = pa.struct([("a", pa.list_(pa.string()))])


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["u1", "u2"]),
        pa.array(['{"user_id":"u1"}', None]),
        pa.array([b"\xff u1 \xff", None]),
        pa.array(["u1"], pa.large_string()),
        pa.array(["u1"], pa.string_view()),
        pa.array([b"u1"], pa.binary_view()),
        pa.array(["u1"]).dictionary_encode(),
        pa.array([{"a": ["x", "u1"]}], STRUCT),
        pa.array([[("u1", 1)]], pa.map_(pa.string(), pa.int64())),
    ],
    ids=lambda column: str(column.type),
)
def test_every_kind_of_column_is_searched(tmp_path: Path, column: pa.Array) -> None:
    pq.write_table(pa.table({"found": column, "number": [1] * len(column)}), tmp_path / "part.parquet")
    assert files_naming(open_folder(str(tmp_path)), ["u1"]) == ({"part.parquet": 1}, 1)


def test_other_files_are_searched_as_bytes(tmp_path: Path) -> None:
    (tmp_path / "log.json").write_text('{"stats":"{\\"minValues\\":{\\"id\\":\\"u1\\"}}","a":"u1"}')
    (tmp_path / "old.gz").write_bytes(gzip.compress(b"u1"))
    assert files_naming(open_folder(str(tmp_path)), ["u1"])[0] == {"log.json": 2, "old.gz": 1}


@pytest.mark.parametrize("name", ["kafka/data/0.log", "forgotten/people", "silver/content/part.json"])
def test_what_is_not_searched(tmp_path: Path, name: str) -> None:
    """Kafka's own files, the hashes, and what is about titles."""
    file = tmp_path / name
    file.parent.mkdir(parents=True)
    file.write_text("u1")
    assert files_naming(open_folder(str(tmp_path)), ["u1"]) == ({}, 0)


def test_a_longer_word_is_another_id(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("u11 xu1 u1-2 -u1 u1_")
    assert files_naming(open_folder(str(tmp_path)), ["u1"])[0] == {}
