"""The vocabulary of the synthetic catalogue: genres and how they combine, classifications, names, titles."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from faker import Faker
from numpy.typing import NDArray

# Most popular first: a genre's weight falls with its position.
GENRES = (
    "Drama",
    "Comedia",
    "Acción",
    "Suspenso",
    "Romance",
    "Aventura",
    "Crimen",
    "Ciencia ficción",
    "Terror",
    "Fantasía",
    "Animación",
    "Infantil",
    "Documental",
    "Misterio",
    "Histórico",
    "Musical",
    "Bélico",
    "Western",
)

# Genres that share titles, and that one kind of viewer likes together; the most common kind of viewer first.
ARCHETYPES = (
    ("Drama", "Romance", "Comedia", "Musical"),
    ("Acción", "Aventura", "Ciencia ficción", "Fantasía"),
    ("Crimen", "Suspenso", "Misterio", "Drama"),
    ("Infantil", "Animación", "Aventura", "Fantasía", "Musical"),
    ("Terror", "Suspenso", "Misterio", "Ciencia ficción"),
    ("Histórico", "Bélico", "Drama", "Documental"),
    ("Comedia", "Animación", "Acción", "Crimen"),
    ("Western", "Acción", "Bélico", "Histórico"),
)

DECADES = tuple(range(1930, 2030, 10))

CHILD_GENRES = ("Infantil", "Animación")
MOVIE_CLASSES = ("B15", "B", "PG-13", "R", "C", "A", "PG", "D", "NR", "NC-17")
MOVIE_CHILD_CLASSES = ("AA", "A", "G", "PG")
SERIES_CLASSES = ("TV-MA", "TV-14", "TV-PG", "NR")
SERIES_CHILD_CLASSES = ("TV-Y7", "TV-Y", "TV-G", "TV-Y7-FV", "TV-PG")

SUBJECTS = (
    "El secreto",
    "La sombra",
    "El último verano",
    "La casa",
    "Los hijos",
    "El camino",
    "La noche",
    "El regreso",
    "Las cenizas",
    "El jardín",
    "La promesa",
    "Los fantasmas",
    "El silencio",
    "La leyenda",
    "Crónica",
    "El tren",
    "La herencia",
    "Las voces",
    "El guardián",
    "La frontera",
    "Los amantes",
    "El juicio",
    "La fiesta",
    "El náufrago",
    "Las cartas",
    "La maestra",
    "El mapa",
    "Los días",
    "La tormenta",
    "El corazón",
)
COMPLEMENTS = (
    "del viento",
    "de medianoche",
    "del mar",
    "sin nombre",
    "de la abuela",
    "del desierto",
    "de otro mundo",
    "bajo la lluvia",
    "de los olvidados",
    "en llamas",
    "del norte",
    "que no fue",
    "de cristal",
    "de nadie",
    "a contraluz",
    "del año nuevo",
    "de la montaña",
    "perdido en la niebla",
    "de papel",
    "del capitán",
)


class Names(NamedTuple):
    """Pools to draw from; calling Faker once per record is too slow."""

    first: tuple[str, ...]
    last: tuple[str, ...]
    places: tuple[str, ...]

    def person(self, draw: int) -> str:
        """The full name for a 64-bit draw."""
        first = self.first[draw % len(self.first)]
        father = self.last[(draw >> 16) % len(self.last)]
        mother = self.last[(draw >> 36) % len(self.last)]
        return f"{first} {father} {mother}"

    def title(self, draw: int) -> str:
        """A title: most contain a person, a family or a place, which gives many combinations."""
        subject = SUBJECTS[draw % len(SUBJECTS)]
        kind = (draw >> 8) % 10
        if kind < 2:
            return f"{subject} de {self.places[(draw >> 16) % len(self.places)]}"
        if kind < 5:
            return f"{subject} de {self.first[(draw >> 16) % len(self.first)]}"
        if kind < 8:
            return f"{subject} de los {self.last[(draw >> 16) % len(self.last)]}"
        return f"{subject} {COMPLEMENTS[(draw >> 16) % len(COMPLEMENTS)]}"


@lru_cache(maxsize=4)
def names(seed: int) -> Names:
    """Faker's Mexican names and places, the same for the same seed."""
    fake = Faker("es_MX")
    fake.seed_instance(seed)

    def distinct(draws: list[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(draws))

    return Names(
        first=distinct([fake.first_name() for _ in range(600)]),
        last=distinct([fake.last_name() for _ in range(900)]),
        places=distinct([fake.state() for _ in range(200)]),
    )


def genre_weights() -> NDArray[np.float64]:
    """Zipf-like: the n-th genre has weight 1 / n^0.8."""
    return np.arange(1, len(GENRES) + 1, dtype=np.float64) ** -0.8


def genre_bonds() -> NDArray[np.float64]:
    """How likely a title of the row's genre also has the column's; unrelated genres are rare, itself never."""
    bonds = np.full((len(GENRES), len(GENRES)), 0.03)
    for family in ARCHETYPES:
        members = [GENRES.index(genre) for genre in family]
        bonds[np.ix_(members, members)] += 0.5
    bonds *= genre_weights()
    np.fill_diagonal(bonds, 0.0)
    return bonds
