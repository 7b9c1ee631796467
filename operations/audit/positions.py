"""How far the streams are, by their checkpoints."""

import json

from lakehouse.folders import Folder
from lakehouse.spark.checkpoints import Offsets, as_offsets
from lakehouse.tables import Table

# After the log's version and the batch's metadata.
_OFFSETS_LINE = 2


def read_to(root: Folder, table: Table) -> Offsets:
    """The next offset of each partition after the stream's last completed batch; empty if there is none.

    Raises OSError, ValueError or IndexError if the file is missing or damaged.
    """
    checkpoint = root / "checkpoints" / table.layer / table.name
    ended = _last_batch(checkpoint / "commits")
    if ended < 0:
        return {}
    lines = (checkpoint / "offsets").read(str(ended)).decode().splitlines()
    return as_offsets(json.loads(lines[_OFFSETS_LINE]))


def is_writing(root: Folder) -> bool:
    """Whether silver's stream is between the commits of a batch, or was stopped there."""
    checkpoint = root / "checkpoints" / "silver"
    return _last_batch(checkpoint / "offsets") > _last_batch(checkpoint / "commits")


def _last_batch(log: Folder) -> int:
    return max((int(name) for name in log.names() if name.isdigit()), default=-1)
