"""The jars of the embedded broker: how far their download is."""

from pathlib import Path

import pytest

from lakehouse.broker.jars import counted


@pytest.mark.parametrize(
    ("total", "reported"), [(1, [1]), (7, [1, 2, 3, 4, 5, 6, 7]), (25, [3, 6, 9, 12, 15, 18, 21, 24, 25])]
)
def test_a_download_is_reported_in_at_most_ten_plain_lines(
    capsys: pytest.CaptureFixture[str], total: int, reported: list[int]
) -> None:
    jars = [Path(f"{number}.jar") for number in range(total)]
    assert list(counted(jars, total)) == jars
    out, err = capsys.readouterr()
    assert out == ""  # which may be JSON
    assert [line.split(": ")[1] for line in err.splitlines()] == [
        f"{number} of {total} jars" for number in reported
    ]
