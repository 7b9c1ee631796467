"""Lakehouse: tables written by delta-rs, read back at any version, and what is said of wrong names."""

import json
import re
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from lakehouse.errors import InputError, TableError
from lakehouse.lakehouse import Lakehouse
from lakehouse.sql import text_in
from lakehouse.tables import GOLD_MODELS, SILVER_BATCHES, SILVER_USERS
from tests.support.delta_tables import NOON, make, user, write
from tests.support.folders import AWKWARD, EVERY_SIGN


@pytest.fixture
def lake(tmp_path: Path) -> Lakehouse:
    return Lakehouse(make(tmp_path / "lakehouse"))


def test_a_table_is_arrow_at_its_latest_version(lake: Lakehouse) -> None:
    rows = lake.read("silver.users", columns=["nombre_usuario", "generos"])
    assert sorted(rows.to_pylist(), key=lambda row: row["nombre_usuario"]) == [
        {"nombre_usuario": name, "generos": ["Drama"]} for name in ("Eva", "Luis", "Zoé")
    ]
    # readers such as pandas do not know Arrow's string views
    assert rows.schema.types == [pa.string(), pa.list_(pa.field("element", pa.string()))]
    assert lake.read("silver.users").column_names == SILVER_USERS.columns


def test_an_older_version_keeps_its_rows(lake: Lakehouse) -> None:
    assert lake.read(SILVER_USERS, version=0).num_rows == 2
    assert lake.version("silver.users") == 1
    assert lake.versions("silver.users") == [0, 1]


def test_a_condition_in_sql_selects_rows(lake: Lakehouse) -> None:
    found = lake.read("silver.users", columns=["id"], where=text_in("nombre_usuario", ["Zoé", "O'Hara"]))
    assert found.to_pylist() == [{"id": "u3"}]
    assert lake.read("silver.users", where=text_in("id", [])).num_rows == 0


def test_a_query_joins_versions(lake: Lakehouse) -> None:
    sql = "SELECT new.id, old.nombre_usuario AS before FROM new LEFT JOIN old ON old.id = new.id ORDER BY 1"
    found = lake.query(sql, new="silver.users", old=("silver.users", 0))
    assert [row["before"] for row in found.to_pylist()] == ["Ana", "Luis", None]


def test_pandas_reads_maps_and_times(lake: Lakehouse) -> None:
    frame = lake.read("gold.models", columns=["metrics", "trained_at"]).to_pandas()
    assert frame["metrics"][0] == [("rmse", 0.9)]
    assert frame["trained_at"][0] == pd.Timestamp(NOON)


def test_commits_are_listed_newest_first(tmp_path: Path) -> None:
    for name in ("Ana", "Eva"):
        write(tmp_path, SILVER_USERS, user(1, name), mode="overwrite", note='{"inputs": {"bronze.events": 7}}')
    last, first = Lakehouse(tmp_path).history("silver.users")
    assert (last.version, first.version, last.operation) == (1, 0, "WRITE")
    assert last.user_metadata == {"inputs": {"bronze.events": 7}}
    assert last.metric("numOutputRows", "num_added_rows") == 1
    assert last.written_at is not None
    assert last.written_at >= NOON
    assert len(Lakehouse(tmp_path).history("silver.users", limit=1)) == 1


def test_a_note_of_others_is_kept_as_it_is(tmp_path: Path) -> None:
    write(tmp_path, SILVER_USERS, user(1, "Ana"), note="by hand")
    [commit] = Lakehouse(tmp_path).history("silver.users")
    assert (commit.note, commit.user_metadata) == ("by hand", {})


@pytest.mark.parametrize("name", ["a b", "ñ n\u0303", AWKWARD, EVERY_SIGN, "100% %zz"])
def test_a_root_may_have_any_name(tmp_path: Path, name: str) -> None:
    # delta-rs appends to no path with some of these signs, and reads and merges in all of them
    lake = Lakehouse(make(tmp_path / "plain").rename(tmp_path / name))
    assert lake.exists(SILVER_USERS)
    assert lake.read(SILVER_USERS).num_rows == 3
    assert lake.versions(SILVER_USERS) == [0, 1]


def test_what_is_missing_is_said(lake: Lakehouse) -> None:
    assert not lake.exists("silver.content")
    assert lake.versions("silver.content") == []
    lake.require(SILVER_USERS, GOLD_MODELS)
    for ask in (lambda: lake.require("silver.users", "silver.content"), lambda: lake.read("silver.content")):
        with pytest.raises(TableError) as error:
            ask()
        assert str(error.value) == (
            f"table silver.content does not exist under {lake.root}; make it with: lakehouse run --select silver"
        )
    with pytest.raises(TableError, match="make it with: lakehouse check"):
        lake.read("quality.results")
    with pytest.raises(TableError, match=r"no table 'silver.user' in this lakehouse; did you mean silver.users"):
        lake.read("silver.user")
    with pytest.raises(TableError, match=r"silver.users has no version 7; it has 0 to 1"):
        lake.read("silver.users", version=7)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"columns": ["nombre"]}, "No field named"),
        ({"where": "id ="}, "not SQL"),
        ({"where": "a = 1"}, "No field"),
    ],
)
def test_a_wrong_column_or_condition_is_the_callers(
    lake: Lakehouse, arguments: dict[str, object], problem: str
) -> None:
    with pytest.raises(InputError, match=problem):
        lake.read("silver.users", **arguments)  # type: ignore[arg-type]


def test_rows_written_by_others_are_seen_at_once(lake: Lakehouse) -> None:
    """Nothing is cached: a stream may be writing."""
    before = lake.read(SILVER_BATCHES).num_rows
    DeltaTable(lake.path(SILVER_BATCHES)).delete()
    assert (before, lake.read(SILVER_BATCHES).num_rows) == (1, 0)


@pytest.mark.parametrize(
    ("feature", "shown"),
    [
        ("typeWidening", "TypeWidening"),
        ("vacuumProtocolCheck", "VacuumProtocolCheck"),
        ("fromTheFuture", "fromTheFuture"),
    ],
)
def test_a_feature_that_delta_rs_lacks_is_named_with_its_table(tmp_path: Path, feature: str, shown: str) -> None:
    write(tmp_path, SILVER_USERS, user(1, "Ana"))
    features = {"readerFeatures": [feature], "writerFeatures": [feature]}
    protocol = {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, **features}}
    log = tmp_path / "silver" / "users" / "_delta_log"
    (log / f"{1:020d}.json").write_text(json.dumps(protocol))
    with pytest.raises(TableError) as error:
        Lakehouse(tmp_path).read(SILVER_USERS)
    assert re.fullmatch(
        rf".*silver[./]users/? has the Delta table feature {shown}, which this command cannot read without Spark; "
        r"lakehouse sql reads it; ALTER TABLE ... DROP FEATURE takes the feature away",
        str(error.value),
    )
