"""Strings of silver: white space at the ends, and Unicode in NFC."""

from unicodedata import normalize

import pytest

from silver.text import cleaned, nfc

TRIMMED = {
    "spaces": ("  a b  ", "a b"),
    "tabs and line breaks": ("\t\r\n\v\fa\n", "a"),
    "no-break spaces": ("\u00a0\u202fa\u00a0", "a"),
    "no-break space inside stays": ("a\u00a0b", "a\u00a0b"),
    "zero-width space at the ends": ("\u200ba\u200b", "a"),
    "zero-width space inside stays": ("a\u200bb", "a\u200bb"),
    "word joiner and byte order mark": ("\u2060\ufeffa\ufeff", "a"),
    "ideographic space": ("\u3000映画\u3000", "映画"),
    "line and paragraph separators": ("\u2028a\u2029", "a"),
    # a zero-width joiner and a direction mark are part of what is written
    "joiner of an emoji": ("\U0001f468\u200d", "\U0001f468\u200d"),
    "right-to-left mark": ("\u200fאבג", "\u200fאבג"),
    "no white space": ("a", "a"),
    "blank": (" \t\u00a0\u200b\ufeff", None),
    "empty": ("", None),
}

COMPOSED = {
    "composed stays": ("Amélie", "Amélie"),
    "decomposed": ("Ame\u0301lie", "Amélie"),
    "tilde": ("n\u0303", "ñ"),
    "two marks in the wrong order": ("q\u0307\u0323", "q\u0323\u0307"),
    "Ångström sign": ("\u212b", "Å"),
    "Hangul": ("\u1112\u1161\u11ab", "한"),
    "compatibility forms stay": ("ﬁ²Ａ", "ﬁ²Ａ"),
    "ASCII": ("plain", "plain"),
    "beyond the first plane": ("💔", "💔"),
}


@pytest.mark.parametrize("case", TRIMMED)
def test_white_space_at_the_ends_goes(case: str) -> None:
    text, expected = TRIMMED[case]
    assert cleaned(text) == expected


def test_a_long_run_of_marks_is_sorted_in_its_time() -> None:
    """A megabyte of them takes Python's own function minutes, and the stream with it."""
    run = "\u0301\u0323" * 2_000
    assert nfc(f"a{run}b{run}") == normalize("NFC", f"a{run}b{run}")
    # the letter takes the first mark of both kinds
    assert len(nfc("a" + "\u0301\u0323" * 250_000)) == len(nfc(f"a{run}")) + 2 * 248_000


def test_long_texts_are_composed_as_short_ones() -> None:
    short = [text for text, _ in COMPOSED.values()] + ["\u0f73\u0f72", "\u1100\u1161\u11a8", "\u0344"]
    text = "".join(short) * 100
    assert nfc(text) == normalize("NFC", text)


@pytest.mark.parametrize("case", COMPOSED)
def test_text_becomes_nfc(case: str) -> None:
    text, expected = COMPOSED[case]
    assert nfc(text) == cleaned(text) == expected
