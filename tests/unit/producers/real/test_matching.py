"""Which spellings are the same film, and which are not."""

import pytest

from producers.real.matching import Film, FilmIndex, display_title

# Films of one made-up catalogue; the pairs below are looked up in it.
CATALOGUE = [
    Film("c1", "The Long Road", 1999),
    Film("c2", "Bread & Wine", 2001),
    Film("c3", "Se7en Doors", 1995),
    Film("c4", "Æther: Ünder the Sky!", 2010),
    Film("c5", "Night Train 2", 1990),
    Film("c6", "Water Stories (New and Selected)", 2017),
    Film("c7", "Twin", 2000),
    Film("c8", "Twin", 2000),
    Film("c9", "La casa de nadie", 2003),
    Film("c10", "Space Turtles: The Movie", 1991),
    Film("c11", "\u200b1917", 2019),
    Film("c12", "Red\xa0Sea", 2012),
    Film("c13", "???", 2013),
    Film("c14", "Sailor's Moon", 1988),
]


@pytest.mark.parametrize(
    ("title", "year", "expected"),
    [
        ("The Long Road", 1999, "c1"),
        ("Long Road, The", 1999, "c1"),
        ("LONG ROAD", 1999, "c1"),
        ("The Long Road", 2000, None),  # another year is another film
        ("Bread and Wine", 2001, "c2"),
        ("Seven Doors (a.k.a. Se7en Doors)", 1995, "c3"),
        ("Seven Doors (aka Other, Se7en Doors)", 1995, "c3"),  # several names in one parenthesis
        ("Aether - Under the Sky", 2010, "c4"),
        ("Night Train II", 1990, "c5"),
        ("Night Train III", 1990, None),
        ("Water Stories, The", 2017, "c6"),
        ("Twin", 2000, "c7"),  # the first of two
        ("Nobody's House (Casa de nadie, La)", 2003, "c9"),
        ("Space Turtles", 1991, "c10"),
        ("1917", 2019, "c11"),
        ("Red Sea 3D", 2012, "c12"),
        ("Redsea", 2012, "c12"),
        ("???", 2013, "c13"),
        ("!", 2013, None),  # titles of symbols only are compared symbol by symbol
        ("Sailor\u2019s Moon", 1988, "c14"),
        ("Sailor Moon", 1988, None),
    ],
)
def test_a_film_is_found_by_year_and_spelling(title: str, year: int, expected: str | None) -> None:
    match = FilmIndex(CATALOGUE).find(title, year)
    assert (match and match.identity) == expected


def test_a_match_says_how_many_films_it_could_be() -> None:
    match = FilmIndex(CATALOGUE).find("Twin", 2000)
    assert match is not None
    assert match.candidates == 2


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Matrix, The", "The Matrix"),
        ("City, The (Ville, La)", "The City (La Ville)"),
        ("Avventura, L' (Adventure, The)", "L'Avventura (The Adventure)"),
        ("Good, the Bad, The", "The Good, the Bad"),
        ("Paris, Texas", "Paris, Texas"),
        ("(Nothing)", "(Nothing)"),
        ("300", "300"),
    ],
)
def test_articles_are_shown_where_they_are_spoken(title: str, expected: str) -> None:
    assert display_title(title) == expected
