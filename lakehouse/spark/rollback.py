"""A checkpoint after a power failure: which of its newest files are lost, and which have to go before a start."""

from collections.abc import Iterable, Mapping
from functools import partial
from itertools import takewhile

from lakehouse.folders import Folder
from lakehouse.spark.checkpoints import Checkpoint, line_fault, require_readable

_LOGS = ("offsets", "commits")


def rollback(
    checkpoint: Checkpoint, torn: Mapping[str, Iterable[int]], last: int, *, has_torn_commits: bool
) -> dict[str, list[str]] | None:
    """The files of the checkpoint's two logs to set aside; None if the stream would skip or repeat records then.

    `torn` are the newest batches of each log whose files are empty or cut, `last` the last batch that the tables
    hold. If they have lost commits, whole files of later batches go too, and those batches are done again, the
    next one as it was planned.
    """
    most = {"offsets": last + 1, "commits": last} if has_torn_commits else {}
    gone = {
        log: [batch for batch in batches(checkpoint, log) if batch in torn[log] or batch > most.get(log, batch)]
        for log in _LOGS
    }
    began, ended = (
        max((batch for batch in batches(checkpoint, log) if batch not in gone[log]), default=-1) for log in _LOGS
    )
    if not ended <= last <= began or began - ended > 1:
        return None
    require_readable(checkpoint._replace(began=began, ended=ended))
    return {log: [str(batch) for batch in sorted(numbers, reverse=True)] for log, numbers in gone.items()}


def batches(checkpoint: Checkpoint, log: str) -> list[int]:
    """The batches that have a file in this log of the checkpoint, `offsets` or `commits`; the oldest first."""
    return sorted(int(name) for name in (checkpoint.folder / log).names() if name.isdigit())


def torn_batches(checkpoint: Checkpoint) -> dict[str, list[int]]:
    """For each log of the checkpoint its newest batches, if their files are empty or cut."""
    return {
        log: list(takewhile(partial(_is_torn, checkpoint.folder, log), reversed(batches(checkpoint, log))))
        for log in _LOGS
    }


def _is_torn(folder: Folder, log: str, batch: int) -> bool:
    name = f"{log}/{batch}"
    return line_fault(name, folder.read_text(name)) != ""
