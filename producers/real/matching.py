"""Match films of two catalogues: same year, and the same title in one of its spellings."""

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

_ARTICLES = "the|an?|el|la|los|las|lo|un|una|une|le|les|il|gli|i|der|die|das|den|det|l'|o|os|as"
_MOVED = re.compile(rf"(?P<title>.+), (?P<article>{_ARTICLES})", re.IGNORECASE | re.DOTALL)
# Without "die" and "i", which also begin English titles.
_LEADING = frozenset(["the", "a", "an", "el", "la", "los", "las", "le", "les", "il", "der", "das"])

_PARENTHESES = re.compile(r"\s*\(([^()]*)\)")
_ALSO_KNOWN_AS = re.compile(r"a\.?k\.?a\.?\s+", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+")
_APOSTROPHES = re.compile("['\u2019\u2018`\u00b4]")
_THREE_D = re.compile(r"\b3-?d\b")

# Letters that Unicode's decomposition leaves unchanged.
_LETTERS = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "&": " and ", "+": " and "}
)
_NUMERALS = {"ii": "2", "iii": "3", "iv": "4", "vi": "6", "vii": "7", "viii": "8", "ix": "9"}


class Film(NamedTuple):
    """One film of the catalogue, for other catalogues' titles to match."""

    identity: str
    title: str
    year: int


class Match(NamedTuple):
    """The catalogue's id, and how many of its films have this title and year."""

    identity: str
    candidates: int


class FilmIndex:
    """The catalogue's films by year and spelling."""

    def __init__(self, films: list[Film]) -> None:
        self._whole: dict[tuple[str, int], list[str]] = {}
        self._short: dict[tuple[str, int], list[str]] = {}
        for film in films:
            self._whole.setdefault((title_key(film.title), film.year), []).append(film.identity)
            short = _PARENTHESES.sub("", film.title).strip()
            if short and short != film.title:
                self._short.setdefault((title_key(short), film.year), []).append(film.identity)

    def find(self, title: str, year: int) -> Match | None:
        """The film with this title and year, the first in the catalogue if there are several."""
        keys = [(title_key(spelling), year) for spelling in spellings(title)]
        for known in (self._whole, self._short):
            for key in keys:
                if key in known:
                    return Match(known[key][0], len(known[key]))
        return None


def spellings(title: str) -> Iterator[str]:
    """The names in a MovieLens title: the main one, the whole, those in parentheses (`a.k.a.`, original)."""
    main = _PARENTHESES.sub("", title).strip()
    if main:
        yield restore_article(main)
    yield title
    for inner in _PARENTHESES.findall(title):
        name = _ALSO_KNOWN_AS.sub("", inner, count=1).strip()
        if name:
            yield restore_article(name)
            if _MOVED.fullmatch(name) is None and ", " in name:
                yield from name.split(", ")


def display_title(title: str) -> str:
    """The title with its articles in front: `City, The (Ville, La)` -> `The City (La Ville)`."""
    first = title.find(" (")
    main, rest = (title, "") if first < 1 else (title[:first], title[first:])
    inner = _PARENTHESES.sub(lambda match: f" ({restore_article(match.group(1))})", rest)
    return restore_article(main) + inner


def restore_article(title: str) -> str:
    """`Matrix, The` -> `The Matrix`."""
    moved = _MOVED.fullmatch(title)
    if moved is None:
        return title
    article = moved["article"]
    return article + ("" if article.endswith("'") else " ") + moved["title"]


def title_key(title: str) -> str:
    """The title without case, accents, punctuation, spaces, articles and spelling variants."""
    plain = unicodedata.normalize("NFKD", title).casefold().translate(_LETTERS)
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    plain = _APOSTROPHES.sub("", plain)
    words = _WORD.findall(_THREE_D.sub(" ", plain)) or _WORD.findall(plain)
    while len(words) > 1 and words[0] in _LEADING:
        words = words[1:]
    if len(words) > 2 and words[-2:] == ["the", "movie"]:
        words = words[:-2]
    key = "".join(_NUMERALS.get(word, word) for word in words)
    return key or plain.strip()
