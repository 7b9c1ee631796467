"""When a table's code counts as changed: gold.affinity_ratings is then recomputed in full."""

import pytest

from gold.affinity.changes import canonical

CODE = '''"""What it is for."""

LIMIT = 3  # of what


def double(number: int) -> int:
    """Twice the number."""
    # as a sum
    return number + number
'''


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  # of what", ""),
        ("    # as a sum\n", ""),
        ("Twice the number.", "The number, twice."),
        ('    """Twice the number."""\n', ""),
        ("What it is for.", "Something else."),
        ("number + number", "(\n        number + number\n    )"),
    ],
)
def test_words_and_layout_make_no_other_code(old: str, new: str) -> None:
    assert CODE.replace(old, new) != CODE
    assert canonical(CODE.replace(old, new)) == canonical(CODE)


@pytest.mark.parametrize(("old", "new"), [("LIMIT = 3", "LIMIT = 4"), ("number + number", "number * 2")])
def test_what_it_computes_makes_other_code(old: str, new: str) -> None:
    assert canonical(CODE.replace(old, new)) != canonical(CODE)
