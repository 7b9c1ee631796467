"""What no source fills, a check does not expect; what one of them fills, it does."""

from pathlib import Path

import pytest

from lakehouse import sent
from lakehouse.errors import InputError

MOVIELENS = {"silver.users.id", "silver.content.generos", "silver.feedback.rating"}


def test_without_a_source_nothing_is_excused(tmp_path: Path) -> None:
    sent.remember_every(tmp_path)
    assert list(tmp_path.iterdir()) == []
    known = sent.read(tmp_path)
    assert not known.lacks_column("silver.content.clasificacion")
    assert not known.lacks_table("silver.users")


def test_what_a_source_does_not_fill_is_excused(tmp_path: Path) -> None:
    sent.remember(tmp_path / "ops", MOVIELENS)
    known = sent.read(tmp_path / "ops")
    assert known.lacks_column("silver.content.clasificacion")
    assert not known.lacks_column("silver.content.generos")
    assert known.lacks_column("silver.users.generos")  # of another table
    # gold is made here: no source excuses it
    assert not known.lacks_column("gold.content_popularity.mean_rating")


def test_a_later_source_is_expected_to_fill_its_columns(tmp_path: Path) -> None:
    sent.remember(tmp_path, MOVIELENS)
    sent.remember(tmp_path, {"silver.content.clasificacion"})
    known = sent.read(tmp_path)
    assert not known.lacks_column("silver.content.clasificacion")
    assert not known.lacks_column("silver.content.generos")
    assert known.lacks_column("silver.content.decada_lanzamiento")
    # made-up records fill every column
    sent.remember_every(tmp_path)
    sent.remember(tmp_path, MOVIELENS)
    assert not sent.read(tmp_path).lacks_column("silver.content.decada_lanzamiento")


@pytest.mark.parametrize(
    ("table", "lacks"),
    [
        ("silver.content", False),
        ("silver.users", True),
        ("silver.feedback", True),
        # made from users, and from feedback
        ("gold.recommendations", True),
        ("gold.content_popularity", True),
        # silver's own books: a source says nothing of them
        ("silver.batches", False),
    ],
)
def test_a_catalogue_alone_has_no_users(tmp_path: Path, table: str, lacks: bool) -> None:
    sent.remember(tmp_path, {"silver.content.titulo"})
    assert sent.read(tmp_path).lacks_table(table) is lacks


@pytest.mark.parametrize("text", ["", "{", "3"])
def test_a_broken_file_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / sent.FILE).write_text(text)
    with pytest.raises(InputError, match=r"sent_columns\.json is not a JSON list of columns; delete it"):
        sent.read(tmp_path)
