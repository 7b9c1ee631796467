"""Whether a damaged bronze or silver file explains a failure. No Spark."""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress

from deltalake.exceptions import CommitFailedError

from lakehouse.errors import (
    BrokerError,
    Cause,
    CheckFailedError,
    InputError,
    LakehouseError,
    MachineError,
    SettingsError,
    TableError,
    root_cause,
)
from lakehouse.history.damage import Damage, DamageError, all_damage, recoverable, unreadable
from lakehouse.history.data_files import checksum_of, paths_named
from lakehouse.lakehouse import Lakehouse
from lakehouse.leases import LeaseLostError
from lakehouse.locks import RunningError
from lakehouse.spark.checkpoints import CheckpointError
from lakehouse.spark.streams import StreamError, is_lost

_STREAM = re.compile(r"stream ([\w.]+) stopped")
# Of an error that may have nothing to do with the damage, in characters.
_LONGEST = 200
# These already say what is wrong, whatever else may be damaged.
_OTHER_CAUSES = (
    *(BrokerError, CheckFailedError, DamageError, LeaseLostError, MachineError, RunningError, SettingsError),
    *(BrokenPipeError, CommitFailedError, MemoryError, PermissionError),
)
# What the operating system and the JVM say when the machine is at its limits; no file is damaged then.
_MACHINE = re.compile(
    r"No space left on device|Disk quota exceeded|not enough space on the disk|Read-only file system|"
    r"Too many open files|Cannot allocate memory|Java heap space|GC overhead limit|OutOfMemory|"
    r"unable to create (?:new )?native thread|Permission denied",
    re.IGNORECASE,
)


def explained(root: str, error: Exception, *, repairing: str = "") -> Exception:
    """The error that names the damaged bronze or silver file behind this one; this one if there is none.

    Damage that a rebuild of the layer `repairing` repairs explains nothing, nor does damage to what a stream that
    failed neither reads nor writes. If the cause does not name the file, the error ends with the cause: they may
    have nothing to do with each other.
    """
    cause = root_cause(error)
    if _says_enough(error, cause):
        return error
    damage, is_named = None, False
    with suppress(InputError, OSError):  # pyarrow cannot read the root
        damage, is_named = _behind(Lakehouse(root), error, cause, repairing)
    if damage is None:
        return error
    damage = recoverable(Lakehouse(root), damage)
    if not is_named and not isinstance(error, CheckpointError | TableError):
        shown = _problem(error, cause)
        damage = damage._replace(todo=f"{damage.todo}; the error was: {shown[:_LONGEST]}")
    return damage.error(error.problem.partition(": ")[0] if isinstance(error, StreamError) else "")


def _problem(error: Exception, cause: Cause) -> str:
    """The failure without what it says to do: the damage says that."""
    if not isinstance(error, LakehouseError):
        return cause.message
    return error.problem.partition(": ")[2] if isinstance(error, StreamError) else error.problem


def _says_enough(error: Exception, cause: Cause) -> bool:
    has_remedy = isinstance(error, CheckpointError) and not error.may_be_damage
    is_input = isinstance(error, InputError) and not cause.file
    is_other = isinstance(error, _OTHER_CAUSES) or _MACHINE.search(cause.message) is not None
    has_lost = is_lost(error) or (isinstance(error, StreamError) and error.lost)
    return has_remedy or is_input or is_other or has_lost


def _behind(lake: Lakehouse, error: Exception, cause: Cause, repairing: str) -> tuple[Damage | None, bool]:
    """The damage to the file that the cause names, else the first of all, and whether the cause names it."""
    concerned = _concerned(lake, error)
    damage = [
        one
        for one in _without(repairing, _until_unreachable(all_damage(lake)))
        if one.path.lstrip("/").startswith(concerned)
    ]
    named = paths_named(cause, lake.folder)
    named += [checksum_of(path) for path in named]
    behind = next((one for one in damage if one.path.lstrip("/") in named), None)
    if behind is None and not isinstance(error, TableError):  # these say what to do about an old version
        behind = next(_without(repairing, unreadable(lake, cause)), None)
    if behind is not None or (named and not any(path.startswith(concerned) for path in named)):
        return behind, True  # a file of another folder is a cause of its own
    return next(iter(damage), None), False


def _concerned(lake: Lakehouse, error: Exception) -> tuple[str, ...]:
    """Where a damaged file may be behind this error, as beginnings of paths without a slash in front."""
    root = lake.folder.path.strip("/")
    stream = _STREAM.match(error.problem) if isinstance(error, StreamError) else None
    if stream is None:
        return tuple(f"{root}/{part}/" for part in ("bronze", "silver", "checkpoints"))
    if stream[1] == "silver":
        return tuple(f"{root}/{part}/" for part in ("bronze", "silver", "checkpoints/silver"))
    table = stream[1].replace(".", "/")
    return (f"{root}/{table}/", f"{root}/checkpoints/{table}/")


def _without(repairing: str, damage: Iterable[Damage]) -> Iterator[Damage]:
    return (one for one in damage if not repairing or one.layer != repairing)


def _until_unreachable(damage: Iterator[Damage]) -> Iterator[Damage]:
    """What was found before a file could not be reached."""
    with suppress(OSError, ValueError):
        yield from damage
