"""What optional readers, DuckDB and LibreOffice, make of a title."""

import csv
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from lakehouse.exports import Formulas, write_csv
from tests.unit.lakehouse.test_exports import HEADER, ROWS

Shown = Callable[[str, Sequence[tuple[object, ...]], Formulas], list[list[str]]]

WRITTEN = [(user, content, title, f"{rating:.2f}") for user, content, title, rating in ROWS]
# LibreOffice's filter: comma, quote, UTF-8, from line 1, columns as text (2) or as they look (1), English (US).
AS_TEXT = "CSV:44,34,76,1,1/2/2/2/3/2/4/2,1033,false,false"
AS_IT_LOOKS = "CSV:44,34,76,1,,1033,false,false"
# LibreOffice's output filter, with every text quoted.
WRITE = "csv:Text - txt - csv (StarCalc):44,34,76,1,,1033,true,true,false"


def test_duckdb_reads_back_every_character(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason="needs duckdb (make test-tools)")
    path = str(tmp_path / "final.csv")
    write_csv(path, HEADER, ROWS)
    # without nullstr an empty field is NULL, as in every dialect that cannot write NULL otherwise
    query = "SELECT * FROM read_csv(?, header = true, all_varchar = true, nullstr = '\\N')"
    found = duckdb.execute(query, [path])
    assert [column[0] for column in found.description] == HEADER
    assert found.fetchall() == WRITTEN


@pytest.fixture
def shown(tmp_path: Path) -> Shown:
    """What LibreOffice Calc shows for these rows, opened with that filter, without the header."""
    if shutil.which("soffice") is None:
        pytest.skip("needs LibreOffice (make test-tools)")
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    path, copy = tmp_path / "final.csv", tmp_path / "shown" / "final.csv"

    def open_with(import_filter: str, rows: Sequence[tuple[object, ...]], formulas: Formulas) -> list[list[str]]:
        write_csv(str(path), HEADER, rows, formulas=formulas)
        copy.unlink(missing_ok=True)
        command = ["soffice", profile, "--headless", f"--infilter={import_filter}", "--convert-to", WRITE]
        for _ in range(2):  # on some installations the first run only creates the profile
            subprocess.run([*command, "--outdir", str(copy.parent), str(path)], check=False, capture_output=True)
            if copy.exists():
                break
        with copy.open(encoding="utf-8", newline="") as file:
            return list(csv.reader(file, strict=True))[1:]

    return open_with


def test_libreoffice_shows_every_character_of_columns_read_as_text(shown: Shown) -> None:
    assert shown(AS_TEXT, ROWS, "keep") == [list(row) for row in WRITTEN]


def test_libreoffice_computes_a_formula_unless_it_is_escaped(shown: Shown) -> None:
    row = ("007", "s1", "=1+1", 4.5)
    assert shown(AS_IT_LOOKS, [row], "keep") == [["7", "s1", "2", "4.5"]]
    assert shown(AS_IT_LOOKS, [row], "escape") == [["7", "s1", "'=1+1", "4.5"]]
