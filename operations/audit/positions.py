"""How far bronze's streams have read Kafka, by their checkpoints."""

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
    ended = max((int(name) for name in (checkpoint / "commits").names() if name.isdigit()), default=-1)
    if ended < 0:
        return {}
    lines = (checkpoint / "offsets").read(str(ended)).decode().splitlines()
    return as_offsets(json.loads(lines[_OFFSETS_LINE]))
