"""How far bronze has read: by the last batch that ended, not by the last that began."""

import json
from pathlib import Path

import pytest

from lakehouse.folders import open_folder
from lakehouse.tables import BRONZE_EVENTS
from operations.audit.positions import read_to

ENDED = "v1\n{}"


def offsets(**partitions: int) -> str:
    return f"v1\n{{}}\n{json.dumps({'users': partitions})}"


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({}, {}),
        # the first batch began
        ({"offsets/0": offsets(**{"0": 5})}, {}),
        # the tenth ended, the eleventh began; names are numbers, not texts
        (
            {
                **{f"offsets/{batch}": offsets(**{"0": batch, "1": 10 * batch}) for batch in (2, 9, 10, 11)},
                **{f"commits/{batch}": ENDED for batch in (2, 9, 10)},
                "commits/.11.crc": "",
            },
            {("users", 0): 10, ("users", 1): 100},
        ),
    ],
)
def test_the_last_batch_that_ended(
    tmp_path: Path, files: dict[str, str], wanted: dict[tuple[str, int], int]
) -> None:
    checkpoint = tmp_path / "checkpoints" / "bronze" / "events"
    for name, text in files.items():
        (checkpoint / name).parent.mkdir(parents=True, exist_ok=True)
        (checkpoint / name).write_text(text, encoding="utf-8")
    assert read_to(open_folder(str(tmp_path)), BRONZE_EVENTS) == wanted
