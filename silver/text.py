"""Cleaning of strings: strict JSON, Unicode NFC, white space at both ends. All Column -> Column."""

from pyspark.sql import Column
from pyspark.sql import functions as F

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

# Every character that may not be in NFC where it stands (NFC_Quick_Check is No or Maybe, or its combining
# class is not 0; Unicode Standard Annex 15), and some more: a cheap test before the dear normalisation.
_MAYBE_NOT_NFC = (
    r"[\p{M}\u0374\u037E\u0387\u0958-\u0FFF\u1100-\u11FF\u1F00-\u1FFF\u2000\u2001\u2126\u212A\u212B\u2329\u232A"
    r"\u2ADC\uF900-\uFB4F\x{11000}-\x{1D1FF}\x{1DF00}-\x{1EFFF}\x{2F800}-\x{2FA1F}]"
)


def trimmed(text: Column) -> Column:
    """The text without blanks at its ends; null where nothing is left."""
    inner = F.btrim(text, F.lit(_BLANKS))
    return F.when(F.length(inner) > 0, inner)


def nfc(text: Column) -> Column:
    """The text in Unicode NFC. Spark has no function of its own for it, but brings ICU, which does."""
    known = F.coalesce(text, F.lit(""))
    composed = F.reflect(F.lit("com.ibm.icu.text.Normalizer"), F.lit("compose"), known, F.lit(False))
    return F.when(_maybe_not_nfc(text), composed).otherwise(text)


def _maybe_not_nfc(text: Column) -> Column:
    """ASCII is NFC; only other text is worth the regular expression."""
    return (F.octet_length(text) != F.length(text)) & text.rlike(_MAYBE_NOT_NFC)


def bracketed(value: Column) -> Column:
    """The value as the one element of a JSON array, parsed; null where that is no strict JSON."""
    return F.try_parse_json(F.concat(F.lit("["), value, F.lit("]")))


def json_object(array: Column, value: Column) -> Column:
    """The object in `array` (the value `bracketed`), or null where the value is no single strict JSON object.

    Spark's parser stops after the first document. Inside brackets a second one is a syntax error; a value
    that closes the bracket itself must in addition be valid inside braces, which no such value can be.
    """
    member = F.try_parse_json(F.concat(F.lit('{"member":'), value, F.lit("}")))
    single = F.try_variant_get(array, "$[1]", "variant").isNull()
    closes_bracket = value.rlike(r"\}\s*\]")
    opens_object = F.btrim(value, F.lit(" \t\r\n")).startswith("{")
    is_object = opens_object & single & (~closes_bracket | member.isNotNull())
    return F.when(is_object, F.try_variant_get(array, "$[0]", "variant"))


def normalised(document: Column, value: Column) -> Column:
    """The parsed document with its strings in NFC; `value` is the text it was parsed from."""
    text = F.to_json(document)
    suspect = _maybe_not_nfc(value) | (value.contains("\\u") & _maybe_not_nfc(text))
    return F.when(suspect, F.try_parse_json(nfc(text))).otherwise(document)
