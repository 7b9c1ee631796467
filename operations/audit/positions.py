"""How far the streams are, by their checkpoints."""

from lakehouse.folders import Folder
from lakehouse.spark.checkpoints import Offsets, kafka_offsets, last_batch, read_checkpoint, require_readable
from lakehouse.tables import Table


def read_to(root: Folder, table: Table) -> Offsets:
    """The next offset of each partition after the stream's last completed batch; empty if there is none.

    Raises CheckpointError if the file is missing or damaged.
    """
    checkpoint = read_checkpoint(root, f"{table.layer}/{table.name}")
    if checkpoint is None or checkpoint.ended < 0:
        return {}
    require_readable(checkpoint)
    return kafka_offsets(checkpoint, checkpoint.ended)


def is_writing(root: Folder) -> bool:
    """Whether silver's stream is between the commits of a batch, or was stopped there."""
    checkpoint = root / "checkpoints" / "silver"
    return last_batch(checkpoint / "offsets") > last_batch(checkpoint / "commits")
