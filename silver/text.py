"""Cleaning of strings: Unicode NFC, no white space at the ends."""

from unicodedata import normalize

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


def nfc(text: str) -> str:
    """The text in Unicode NFC, which every version of Unicode composes alike from characters it has assigned."""
    return text if text.isascii() else normalize("NFC", text)


def cleaned(text: str) -> str | None:
    """The text in NFC without blanks at its ends; None where nothing is left."""
    # not by nfc(): sixteen calls in each record
    composed = text if text.isascii() else normalize("NFC", text)
    return composed.strip(_BLANKS) or None
