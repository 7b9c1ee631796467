"""Cleaning of strings: Unicode NFC, no white space at the ends."""

from itertools import groupby
from unicodedata import combining, normalize

# White space of Unicode, and the invisible characters that sources leave at the ends of titles.
_BLANKS = "".join(
    map(
        chr,
        [
            *range(0x09, 0x0E),
            *range(0x1C, 0x21),
            *range(0x2000, 0x200C),
            *(0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x2060, 0x3000, 0xFEFF),
        ],
    )
)


# Python sorts a run of combining marks in quadratic time: 1 MB of them would take minutes.
_LONG = 1_000


def nfc(text: str) -> str:
    """The text in Unicode NFC, which every version of Unicode composes alike from characters it has assigned."""
    if text.isascii():
        return text
    return normalize("NFC", text if len(text) < _LONG else _in_order(text))


def _in_order(text: str) -> str:
    """The text decomposed, each run of combining marks in the order of their classes (NFD)."""
    decomposed = "".join([normalize("NFD", character) for character in text])
    runs = groupby(decomposed, key=lambda character: combining(character) > 0)
    return "".join(["".join(sorted(run, key=combining) if is_mark else run) for is_mark, run in runs])


def cleaned(text: str) -> str | None:
    """The text in NFC without blanks at its ends; None where nothing is left."""
    return nfc(text).strip(_BLANKS) or None
