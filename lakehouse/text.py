"""The text rule (docs/messages.md, Text): one form for every string, id and key that silver stores.

All character sets are spelled out: categories differ between Unicode versions, and so between Python versions.
"""

import json
import re
from itertools import groupby
from unicodedata import combining, normalize

# Unicode white space, and the invisible characters that sources leave at the ends of titles.
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
# Invisible characters: white space and controls, Default_Ignorable_Code_Point, and the empty Braille cell.
_VISIBLE = re.compile(
    r"[^\x00-\x20\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f"
    r"\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3"
    r"\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# Control characters (Cc) except tab and line breaks, and the 66 noncharacters. XML, which Power BI uses, forbids
# most of them, and pandas ends a text at U+0000.
_CONTROLS = r"\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufdd0-\ufdef" + "".join(
    [f"{chr(plane | 0xFFFE)}{chr(plane | 0xFFFF)}" for plane in range(0, 0x110000, 0x10000)]
)
_CONTROL = re.compile(f"[{_CONTROLS}]")
_LINE_BREAK = re.compile(r"\r\n|[\r\v\f\x85\u2028\u2029]")
_UNPRINTED = re.compile(rf"[{_CONTROLS}\t-\r\x85\u2028\u2029]")


# Python sorts a run of combining marks in quadratic time: 1 MB of them would take minutes.
_LONG = 1_000


def nfc(text: str) -> str:
    """The text in NFC, which all Unicode versions compose alike for characters they have assigned."""
    if text.isascii():
        return text
    return normalize("NFC", text if len(text) < _LONG else _in_order(text))


def _in_order(text: str) -> str:
    """The text decomposed, each run of combining marks sorted by combining class (NFD)."""
    decomposed = "".join([normalize("NFD", character) for character in text])
    runs = groupby(decomposed, key=lambda character: combining(character) > 0)
    return "".join(["".join(sorted(run, key=combining) if is_mark else run) for is_mark, run in runs])


def cleaned(text: str) -> str | None:
    """The text in NFC without control characters, with line breaks as U+000A and without blanks at its ends.

    None if nothing visible is left. Idempotent.
    """
    if text.isascii() and text.isprintable():
        return text.strip() or None
    if not text.isprintable():
        text = _LINE_BREAK.sub("\n", _CONTROL.sub("", text))
    text = nfc(text).strip(_BLANKS)
    return text if _VISIBLE.search(text) else None


def escaped(text: str) -> str:
    """The text in NFC on one line, to show what was sent: controls and line breaks are escaped as in JSON."""
    return nfc(text) if text.isprintable() else nfc(_UNPRINTED.sub(_escape, text))


def _escape(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1]
