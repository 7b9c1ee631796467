"""Strict JSON parsing that keeps every significant digit of a number."""

import pytest

from silver.parsing.strict_json import DEEPEST, Number, as_json, parse_object


def nested(levels: int) -> str:
    """An object with that many levels of arrays and objects, itself one of them."""
    arrays = levels - 1
    return '{"a":' + "[" * arrays + "]" * arrays + "}"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12345678901234567890", "12345678901234567890"),
        ("1" * 5_000, "1" * 5_000),  # Python refuses an int of so many digits
        ("-0", "-0"),
        ("3.0", "3"),  # equal numbers are equal texts: an id of 7.0 is that of 7
        ("8.50", "8.5"),
        ("1.50e1", "15"),
        ("100", "100"),
        ("45e-1", "4.5"),
        ("3E0", "3"),
        ("1.5e+3", "1500"),
        ("1e999", "1e999"),
        ("1e-400", "1e-400"),
        ("1e99999999999999999999", "1e99999999999999999999"),
        ("-1E-99999999999999999999", "-1E-99999999999999999999"),
        ("0e0007", "0"),
        ("1e20", "1" + "0" * 20),
    ],
)
def test_a_number_keeps_its_digits(text: str, number: str) -> None:
    found = parse_object(f'{{"a":{text}}}')
    assert found == {"a": number}
    assert isinstance(found["a"], Number)


def test_a_parsed_value_is_written_as_it_was() -> None:
    text = '{"a":[1,2.5,"3",null,true,{"b":"\\"ñ\\n"}],"c":{}}'
    found = parse_object(text)
    assert found is not None
    assert as_json(found) == text


def test_the_depth_is_limited_alike_everywhere() -> None:
    assert parse_object(nested(DEEPEST)) is not None
    assert parse_object(nested(DEEPEST + 1)) is None
    assert parse_object(nested(100_000)) is None


def test_many_brackets_are_not_deep() -> None:
    text = '{"a":[' + ",".join(["[]"] * 1_000) + '],"b":"' + "[" * 1_000 + '"}'
    found = parse_object(text)
    assert found is not None
    assert len(found["a"]) == 1_000


@pytest.mark.parametrize("half", [r"\ud83d", r"\udc94", r"\uDC94\uD83D", r"x\ud83dx"])
def test_half_of_a_surrogate_pair_is_no_text(half: str) -> None:
    assert parse_object(f'{{"a":["{half}"]}}') is None
    assert parse_object(f'{{"{half}":1}}') is None


def test_a_whole_surrogate_pair_is_one_character() -> None:
    assert parse_object(r'{"a":"\ud83d\udc94","b":"\\ud83d"}') == {"a": "💔", "b": r"\ud83d"}
