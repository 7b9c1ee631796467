"""What a stream's checkpoint records: which stream it is, its batches, and how far it read."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from lakehouse.errors import LakehouseError, first_line
from lakehouse.folders import Folder

Offsets = dict[tuple[str, int], int]


class CheckpointError(LakehouseError):
    """A checkpoint cannot be read, or does not match its tables or topics."""

    # whether a damaged file may be the cause; any other problem already comes with its remedy
    may_be_damage = False


class BrokenCheckpointError(CheckpointError):
    """A checkpoint is damaged, or it and its tables do not belong together, which a damaged file may cause."""

    may_be_damage = True


class Checkpoint(NamedTuple):
    """`began` and `ended` are the last batches in its offset and commit logs, -1 for none."""

    folder: Folder
    layer: str
    query_id: str
    began: int
    ended: int


class DeltaPosition(NamedTuple):
    """How far a stream has read a Delta table: the table's id, and the last version that it read completely."""

    table_id: str
    version: int


def read_checkpoint(root: Folder, stream: str) -> Checkpoint | None:
    """The stream's checkpoint; None if it has no batch and no id yet: a kill may leave empty folders.

    Raises CheckpointError if one of its files is damaged.
    """
    folder = root / "checkpoints" / stream
    began, ended = last_batch(folder / "offsets"), last_batch(folder / "commits")
    if began == ended == -1 and "metadata" not in folder.names():
        return None
    checkpoint = Checkpoint(folder, layer=stream.split("/")[0], query_id="", began=began, ended=ended)
    return checkpoint._replace(query_id=str(_line(checkpoint, "metadata", 0)["id"]))


def require_readable(checkpoint: Checkpoint) -> None:
    """Raise CheckpointError if Spark could not read a file that the stream's next start needs."""
    began, ended = checkpoint.began, checkpoint.ended
    last = max(began, ended)
    names = [f"offsets/{batch}" for batch in (last, last - 1) if batch >= 0]
    for name in [*names, *([f"commits/{ended}"] if ended >= 0 else [])]:
        try:
            fault = line_fault(name, checkpoint.folder.read_text(name))
        except OSError as error:
            raise _damaged(checkpoint, name, first_line(error)) from error
        if fault:
            raise _damaged(checkpoint, name, fault)


def line_fault(name: str, text: str) -> str:
    """What is wrong with the text of a checkpoint's file `metadata`, `offsets/N` or `commits/N`, or ""."""
    if not text:
        return "empty"
    version, *lines = ["v1", *text.splitlines()] if name == "metadata" else text.splitlines()
    least = 2 if name.startswith("offsets/") else 1  # the batch's metadata and a source
    try:
        documents = [json.loads(line) for line in lines if line != "-"]
    except ValueError:
        return "cut or damaged"
    is_named = name != "metadata" or (bool(documents) and isinstance(documents[0], dict) and "id" in documents[0])
    return "" if version.startswith("v") and len(lines) >= least and is_named else "cut or damaged"


def kafka_offsets(checkpoint: Checkpoint, batch_id: int) -> Offsets:
    """The next offset of each (topic, partition) after the batch. The stream has one Kafka source."""
    return as_offsets(_line(checkpoint, f"offsets/{batch_id}", 2))


def delta_positions(checkpoint: Checkpoint, batch_id: int, names: list[str]) -> dict[str, DeltaPosition]:
    """The position of each Delta source (in the query's order) up to which the batch reads."""
    positions = {}
    for line, name in enumerate(names, start=2):  # after the log's version and the batch's metadata
        offset = _line(checkpoint, f"offsets/{batch_id}", line)
        if offset is not None:
            positions[name] = as_position(offset)
    return positions


def as_offsets(line: Mapping[str, Mapping[str, int]]) -> Offsets:
    """The offsets that Spark's Kafka source writes."""
    return {
        (topic, int(partition)): int(offset)
        for topic, partitions in line.items()
        for partition, offset in partitions.items()
    }


def as_position(line: Mapping[str, Any]) -> DeltaPosition:
    """The position that Delta's source writes as its offset."""
    # the index -1 comes before the first file of its version: the batch holds none of that version
    version = int(line["reservoirVersion"]) - (1 if int(line["index"]) < 0 else 0)
    return DeltaPosition(str(line["reservoirId"]), version)


def last_batch(log: Folder) -> int:
    """The last batch in a checkpoint's offset or commit log; -1 for none."""
    return max((int(name) for name in log.names() if name.isdigit()), default=-1)


def _line(checkpoint: Checkpoint, name: str, number: int) -> Any:
    """One line of a checkpoint's file; None for a dash, which means no offset."""
    try:
        text = checkpoint.folder.read_text(name).splitlines()[number]
        return None if text == "-" else json.loads(text)
    except (OSError, IndexError, ValueError) as error:
        raise _damaged(checkpoint, name, first_line(error)) from error


def _damaged(checkpoint: Checkpoint, name: str, fault: str) -> CheckpointError:
    return BrokenCheckpointError(
        f"the checkpoint file {checkpoint.folder.path}/{name} is damaged ({fault})",
        todo=repair(checkpoint.layer),
    )


def repair(layer: str) -> str:
    """What to do about a damaged file of a checkpoint."""
    return f"put back a copy that is as new as the tables, or: {rebuild(layer)}"


def rebuild(layer: str) -> str:
    """The command that makes a layer and its checkpoint consistent again."""
    return f"lakehouse rebuild {layer}"
