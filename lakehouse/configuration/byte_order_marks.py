"""The encodings other than UTF-8 that a byte order mark reveals."""

import codecs

# Longer marks first: UTF-16's is a prefix of UTF-32's.
_WIDE = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


def wide_encoding(head: bytes) -> str | None:
    """UTF-16 or UTF-32 if these bytes begin with its mark."""
    return next((name for mark, name in _WIDE if head.startswith(mark)), None)
