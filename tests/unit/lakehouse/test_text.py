"""Silver's strings: white space at the ends, control characters, and Unicode in NFC."""

from unicodedata import category, normalize

import pytest

from lakehouse.text import cleaned, escaped, nfc
from tests.support.titles import SENT_AND_STORED

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
    # a zero-width joiner and a direction mark are part of the text
    "joiner of an emoji": ("\U0001f468\u200d", "\U0001f468\u200d"),
    "right-to-left mark": ("\u200fאבג", "\u200fאבג"),
    "no white space": ("a", "a"),
    "empty": ("", None),
}
# Invisible characters, which are kept next to a visible one.
INVISIBLE = {
    "white space": " \t\r\n\u00a0\u2028\u3000",
    "zero-width spaces and a mark": "\u200b\u2060\ufeff",
    "control characters": "\0\x1b\x7f\x9f",
    "noncharacters": "\ufffe\U0001ffff",
    "joiners": "\u200c\u200d",
    "direction marks": "\u200e\u200f\u061c\u202a\u202e\u2066\u2069",
    "soft hyphen and grapheme joiner": "\u00ad\u034f",
    "Hangul fillers": "\u115f\u1160\u3164\uffa0",
    "Mongolian vowel separator": "\u180e",
    "variation selectors": "\ufe00\ufe0f\U000e0100",
    "tags": "\U000e0001\U000e0041\U000e007f",
    "annotation marks": "\ufff9\ufffb",
    "empty Braille cell": "\u2800",
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


@pytest.mark.parametrize("sent", SENT_AND_STORED, ids=ascii)
def test_a_hostile_title_has_one_form(sent: str) -> None:
    assert cleaned(sent) == SENT_AND_STORED[sent]
    assert cleaned(SENT_AND_STORED[sent]) == SENT_AND_STORED[sent]


@pytest.mark.parametrize("case", INVISIBLE)
def test_a_text_that_shows_nothing_is_none(case: str) -> None:
    assert cleaned(INVISIBLE[case]) is None
    assert cleaned(f"a{INVISIBLE[case]}b") is not None


def test_every_control_character_and_noncharacter_goes() -> None:
    """Both sets are the same in every Unicode version."""
    last = [plane + end for plane in range(0x10000, 0x110000, 0x10000) for end in (0xFFFD, 0xFFFE, 0xFFFF)]
    characters = [chr(code) for code in (*range(0xD800), *range(0xE000, 0x10000), *last)]
    found = {one: cleaned(f"a{one}b") for one in characters}
    changed = {one for one in characters if found[one] == "ab"}
    breaks = {one for one in characters if one != "\n" and found[one] == "a\nb"}
    assert breaks == set("\r\v\f\x85\u2028\u2029")
    controls = {one for one in characters if category(one) == "Cc"}
    unassigned_for_ever = {one for one in characters if ord(one) & 0xFFFE == 0xFFFE or "\ufdd0" <= one <= "\ufdef"}
    assert changed == (controls | unassigned_for_ever) - breaks - {"\t", "\n"}


def test_what_cleaning_would_change_is_shown_as_json_writes_it() -> None:
    assert escaped("ti\0tulo\x9f\u2028\r\n\t\U0001ffff") == r"ti\u0000tulo\u009f\u2028\r\n\t\ud83f\udfff"
    assert escaped(' pai\u0301s "x\\') == ' país "x\\'


def test_a_long_run_of_marks_is_sorted_in_its_time() -> None:
    """A megabyte of them takes Python's own function minutes, which would stall the stream."""
    run = "\u0301\u0323" * 2_000
    assert nfc(f"a{run}b{run}") == normalize("NFC", f"a{run}b{run}")
    # the letter combines with the first mark of each kind
    assert len(nfc("a" + "\u0301\u0323" * 250_000)) == len(nfc(f"a{run}")) + 2 * 248_000


def test_long_texts_are_composed_as_short_ones() -> None:
    short = [text for text, _ in COMPOSED.values()] + ["\u0f73\u0f72", "\u1100\u1161\u11a8", "\u0344"]
    text = "".join(short) * 100
    assert nfc(text) == normalize("NFC", text)


@pytest.mark.parametrize("case", COMPOSED)
def test_text_becomes_nfc(case: str) -> None:
    text, expected = COMPOSED[case]
    assert nfc(text) == cleaned(text) == expected
