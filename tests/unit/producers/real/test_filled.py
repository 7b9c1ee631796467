"""A source fills the columns of silver for which one of its records has a value."""

from pathlib import Path

import pytest

from producers.real.catalogue import COLUMNS
from producers.real.filled import filled_columns
from producers.replay import read_replay
from producers.sending.records import Record, encode


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"type": "user", "clasificacion": "PG"}, {"silver.users.type", "silver.users.clasificacion"}),
        # no value, in each form that a field can have
        ({"type": "user", "clasificacion": None, "generos": [], "nombre_usuario": ""}, {"silver.users.type"}),
        ({"type": "series", "numero_temporadas": 0}, {"silver.content.type", "silver.content.numero_temporadas"}),
        # belongs to no table
        ({"type": "Podcast", "clasificacion": "PG"}, set()),
    ],
)
def test_values_fill_columns(fields: dict[str, object], expected: set[str]) -> None:
    assert filled_columns([Record(b"k", encode(fields), 0), Record(b"k", None, 0)]) == expected


def test_ratings_alone_fill_what_movielens_knows(tmp_path: Path) -> None:
    (tmp_path / "movies.csv").write_text("movieId,title,genres\n1,A (1999),Drama\n2,B (2001),Comedy\n")
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating,timestamp\n7,1,5,100\n7,2,1,200\n")
    columns = filled_columns(read_replay(None, tmp_path).records)
    assert {"silver.content.generos", "silver.content.decada_lanzamiento", "silver.feedback.rating"} <= columns
    assert not [name for name in columns if name.split(".")[-1] in ("clasificacion", "directores", "actores")]


def test_a_catalogue_of_series_fills_no_decade_and_no_user(tmp_path: Path) -> None:
    cells = {"show_id": "s1", "type": "TV Show", "title": "T", "release_year": "2019", "duration": "2 Seasons"}
    file = tmp_path / "c.csv"
    file.write_text(",".join(COLUMNS) + "\n" + ",".join(cells.get(name, "") for name in COLUMNS))
    columns = filled_columns(read_replay(file, None).records)
    assert "silver.content.numero_temporadas" in columns
    assert "silver.content.decada_lanzamiento" not in columns
    assert {name.rsplit(".", 1)[0] for name in columns} == {"silver.content"}
