"""The error for an unknown id is one line, whatever the nearest ids hold."""

import pytest

from operations.commands.unknown import unknown_error


@pytest.mark.parametrize(
    ("nearest", "message"),
    [
        (["u1", "a\nb", "c\td\x9b"], r"no user 'u'; the nearest ids are u1, a\nb, c\td\u009b"),
        ([], "no user 'u'; there is no user yet"),
    ],
)
def test_nearest_ids_stay_on_one_line(nearest: list[str], message: str) -> None:
    assert str(unknown_error("user", "u", nearest)) == message
