"""Strings of silver: white space at the ends, and Unicode in NFC."""

import sys
import unicodedata

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from silver.text import _MAYBE_NOT_NFC, nfc, trimmed

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
    "null": (None, None),
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
    "null": (None, None),
}


@pytest.mark.parametrize("case", TRIMMED)
def test_white_space_at_the_ends_goes(spark: SparkSession, case: str) -> None:
    text, expected = TRIMMED[case]
    assert spark.range(1).select(trimmed(F.lit(text).cast("string"))).collect() == [(expected,)]


@pytest.mark.parametrize("case", COMPOSED)
def test_text_becomes_nfc(spark: SparkSession, case: str) -> None:
    text, expected = COMPOSED[case]
    frame = spark.createDataFrame([(text,)], "text string")
    assert frame.select(nfc(F.col("text"))).collect() == [(expected,)]


def suspects() -> list[str]:
    """Every character that may not be in NFC where it stands: it is changed alone, it is a combining mark that
    may be in the wrong order, or it may melt into the character before it."""
    assigned = [
        chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) not in ("Cn", "Cs")
    ]
    seconds = {second for char in assigned if (second := _second_of_composition(char))}
    jamo = {
        chr(code) for code in (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))
    }  # Hangul composes by arithmetic
    return [
        char
        for char in assigned
        if unicodedata.combining(char) or not unicodedata.is_normalized("NFC", char) or char in seconds | jamo
    ]


def _second_of_composition(char: str) -> str:
    parts = unicodedata.decomposition(char).split()
    return chr(int(parts[1], 16)) if len(parts) == 2 and not parts[0].startswith("<") else ""


def test_no_character_that_nfc_may_change_escapes_the_quick_test(spark: SparkSession) -> None:
    r"""Python's tables and Java's are of different Unicode versions: \p{M} knows the marks of Java's only.

    A mark that this Java does not know (\p{Cn}) is composed where the pattern's blocks cover it, else left as
    it was sent; the characters of both versions must all be covered, and no character ever leaves NFC's tables.
    """
    found = suspects()
    assert len(found) > 2000
    frame = spark.createDataFrame([(char,) for char in found], "char string")
    known = frame.filter(~F.col("char").rlike(r"\p{Cn}"))
    assert known.count() > 0.95 * len(found)
    escaped = known.filter(~F.col("char").rlike(_MAYBE_NOT_NFC)).collect()
    assert [f"U+{ord(row['char']):04X}" for row in escaped] == []


def test_nfc_agrees_with_python_on_every_such_character(spark: SparkSession) -> None:
    r"""Behind a letter that much composes with. NFC never changes for characters that have been assigned."""
    texts = [f"{letter}{char}" for char in suspects() for letter in ("a", "\u1100", "\u0928")]
    frame = spark.createDataFrame(
        [(text, unicodedata.normalize("NFC", text)) for text in texts], "text string, nfc string"
    )
    known = frame.filter(~F.col("text").rlike(r"\p{Cn}"))
    different = known.filter(nfc(F.col("text")) != F.col("nfc")).select("text").collect()
    assert [row["text"] for row in different] == []
