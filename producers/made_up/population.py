"""All users and titles of a seed at once, as the columns that the choices of viewers depend on."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np

from producers.made_up.draws import BLOCK, Floats, Ints
from producers.made_up.lexicon import GENRES
from producers.made_up.titles import DrawnTitles, Kind, draw_titles
from producers.made_up.viewers import Viewers, draw_viewers

# The share of movies in a catalogue, as in the real one that the replay supports.
_MOVIES = 0.7

# What each kind of shared feature adds to a match; all of them together add about 1.6.
_GENRES, _DIRECTOR, _ACTOR, _DECADE = 0.9, 0.35, 0.25, 0.1

_Rows = TypeVar("_Rows", DrawnTitles, Viewers)


def split_titles(titles: int) -> tuple[int, int]:
    """The numbers of movies and series in a catalogue of this size, at least one of each from two titles on."""
    movies = min(max(round(titles * _MOVIES), 1), max(titles - 1, 1))
    return movies, titles - movies


class Population(NamedTuple):
    """Users and titles by row; movies come before series."""

    movies: int
    titles: DrawnTitles
    viewers: Viewers
    title_genres: Floats
    viewer_genres: Floats

    @property
    def activity(self) -> Floats:
        return self.viewers.activity

    @property
    def kindness(self) -> Floats:
        return self.viewers.kindness

    @property
    def popularity(self) -> Floats:
        return self.titles.popularity

    @property
    def quality(self) -> Floats:
        return self.titles.quality

    def title(self, row: int) -> tuple[Kind, int]:
        """The kind of the row's title and its number within that kind, from 1."""
        return ("movie", row + 1) if row < self.movies else ("series", row - self.movies + 1)

    def match(self, users: Ints, titles: Ints) -> Floats:
        """How well each candidate title fits its user's taste; users by row, candidates by column."""
        wanted, offered = self.viewer_genres[users][:, None, :], self.title_genres[titles]
        shared = (wanted * offered).sum(axis=2) / offered.sum(axis=2)
        directors = _any_shared(self.viewers.directors[users], self.titles.directors[titles])
        actors = _any_shared(self.viewers.actors[users], self.titles.actors[titles])
        decades = _any_shared(self.viewers.decades[users], self.titles.decade[titles][:, :, None])
        match: Floats = _GENRES * shared + _DIRECTOR * directors + _ACTOR * actors + _DECADE * decades
        return match


def populate(seed: int, *, users: int, movies: int, series: int) -> Population:
    """The first users, movies and series of this seed."""
    films = _first(lambda block: draw_titles(seed, "movie", block), movies)
    shows = _first(lambda block: draw_titles(seed, "series", block), series)
    titles = DrawnTitles(*(np.concatenate(pair) for pair in zip(films, shows, strict=True)))
    viewers = _first(lambda block: draw_viewers(seed, block), users)
    return Population(movies, titles, viewers, _marked(titles.genres), _marked(viewers.genres))


def _first(draw: Callable[[int], _Rows], count: int) -> _Rows:
    blocks = [draw(block) for block in range(max(-(-count // BLOCK), 1))]
    columns = [np.concatenate(column)[:count] for column in zip(*blocks, strict=True)]
    return type(blocks[0])(*columns)


def _marked(genres: Ints) -> Floats:
    """One column per genre: 1.0 if the row has it."""
    marked: Floats = (genres[:, :, None] == np.arange(len(GENRES))).any(axis=1).astype(np.float64)
    return marked


def _any_shared(wanted: Ints, offered: Ints) -> Floats:
    """1.0 if a candidate (rows, candidates, values) has one of the row's wanted values; -1 is no value."""
    alike = wanted[:, None, :, None] == offered[:, :, None, :]
    shared: Floats = (alike & (offered >= 0)[:, :, None, :]).any(axis=(2, 3)).astype(np.float64)
    return shared
