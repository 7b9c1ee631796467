"""The lists of Power BI without Spark: the table, its file, and what they refuse."""

import datetime as dt
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gold.powerbi.lists import export_lists, name_titles
from lakehouse.errors import TableError
from lakehouse.exports import RECOMMENDATIONS_CSV, export_path
from lakehouse.history.acceptance import published_recommendations, without_gate
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import GOLD_POWERBI, GOLD_RECOMMENDATIONS, SILVER_CONTENT
from tests.support.delta_tables import write_rows
from tests.support.folders import EVERY_SIGN

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
LISTS = [
    ("u2", "b", 1, 3.0, "als", "m"),
    ("u1", "b", 2, 4.125, "als", "m"),  # half a cent rounds up
    ("u1", "a", 1, 4.126, "als", "m"),
    (
        "u10",
        "a",
        1,
        2.675,
        "als",
        "m",
    ),  # as text, u10 comes before u2; as a binary number, this is less than 2.675
]


def title(content_id: str, name: str) -> tuple[object, ...]:
    return (content_id, "movie", name, [], [], [], None, None, None, None, NOON, NOON, "topic", 0, 0)


@pytest.fixture
def lakehouse(tmp_path: Path) -> Lakehouse:
    """Two titles, of which one is there twice, and the lists of three users."""
    write_rows(str(tmp_path / "plain"), SILVER_CONTENT, [title("a", "A"), title("b", "B"), title("b", "B")])
    write_rows(str(tmp_path / "plain"), GOLD_RECOMMENDATIONS, LISTS)
    return Lakehouse(tmp_path / "plain")


@pytest.fixture
def awkward(lakehouse: Lakehouse) -> Lakehouse:
    """The same in a folder with every sign that a folder may have."""
    return Lakehouse(Path(lakehouse.root).rename(Path(lakehouse.root).with_name(EVERY_SIGN)))


def test_the_table_and_the_file_hold_the_same_rows(awkward: Lakehouse) -> None:
    with without_gate():
        versions = export_lists(awkward, formulas="keep")
    assert versions == {"gold.recommendations": 0, "silver.content": 0}
    rows = sorted(tuple(row.values()) for row in awkward.read(GOLD_POWERBI).to_pylist())
    assert rows == [("u1", "a", "A", 4.13), ("u1", "b", "B", 4.13), ("u10", "a", "A", 2.68), ("u2", "b", "B", 3.0)]
    file = Path(export_path(awkward.root, RECOMMENDATIONS_CSV)).read_text(encoding="utf-8-sig")
    assert file.splitlines()[1:] == [
        f"{user},{content},{name},{rating:.2f}" for user, content, name, rating in rows
    ]
    assert published_recommendations(awkward.root) == "gold.recommendations version 0"


def test_an_export_replaces_the_one_before_it(lakehouse: Lakehouse) -> None:
    with without_gate():
        export_lists(lakehouse, formulas="keep")
        write_rows(lakehouse.root, GOLD_RECOMMENDATIONS, [("u3", "a", 1, 1.0, "als", "m")], mode="overwrite")
        export_lists(lakehouse, formulas="keep")
    assert lakehouse.read(GOLD_POWERBI)["userId"].to_pylist() == ["u3"]
    assert lakehouse.read(GOLD_POWERBI, version=1).num_rows == len(LISTS)  # version 0 is the table's creation
    assert lakehouse.delta(GOLD_POWERBI).protocol().min_reader_version == 1  # any simple reader opens it


def test_a_title_without_a_name_leaves_the_old_export(lakehouse: Lakehouse) -> None:
    with without_gate():
        export_lists(lakehouse, formulas="keep")
        file = Path(export_path(lakehouse.root, RECOMMENDATIONS_CSV))
        before = file.read_bytes()
        write_rows(lakehouse.root, GOLD_RECOMMENDATIONS, [("u1", "x\ny", 3, 1.0, "als", "m")])
        with pytest.raises(TableError, match=r"1 recommended titles are no longer in silver.content \(x\\ny\)"):
            export_lists(lakehouse, formulas="keep")
    assert (file.read_bytes(), lakehouse.version(GOLD_POWERBI)) == (before, 1)


def test_lists_that_never_passed_their_checks_are_not_exported(lakehouse: Lakehouse) -> None:
    with pytest.raises(
        TableError, match=r"no version of gold.recommendations has passed its checks; check it with"
    ):
        export_lists(lakehouse, formulas="keep")
    assert not lakehouse.exists(GOLD_POWERBI)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ratings=st.lists(st.floats(0.5, 5.0), min_size=1, max_size=200))
@example(ratings=[1.005, 2.675, 4.125, 2.6749999, 4.994999999999999, 5.0, 0.5])
def test_ratings_are_rounded_as_the_decimal_numbers_that_people_read(
    lakehouse: Lakehouse, ratings: list[float]
) -> None:
    rows = [("u", "a", rank, rating, "als", "m") for rank, rating in enumerate(ratings, start=1)]
    write_rows(lakehouse.root, GOLD_RECOMMENDATIONS, rows, mode="overwrite")
    versions = {table.sql_name: lakehouse.version(table) for table in (GOLD_RECOMMENDATIONS, SILVER_CONTENT)}
    rounded = [Decimal(repr(rating)).quantize(Decimal("0.01"), ROUND_HALF_UP) for rating in ratings]
    assert name_titles(lakehouse, versions)["predicted_rating"].to_pylist() == list(map(float, rounded))
