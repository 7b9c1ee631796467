"""Whether a damaged bronze or silver file explains a failure. No Spark."""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress

from lakehouse.errors import (
    BrokerError,
    Cause,
    CheckFailedError,
    InputError,
    MachineError,
    SettingsError,
    TableError,
    root_cause,
)
from lakehouse.history.damage import Damage, DamageError, all_damage, recoverable, unreadable
from lakehouse.history.data_files import checksum_of, paths_named
from lakehouse.lakehouse import Lakehouse
from lakehouse.locks import RunningError
from lakehouse.spark.checkpoints import CheckpointError
from lakehouse.spark.streams import StreamError

# These already say what is wrong, whatever else may be damaged.
_OTHER_CAUSES = (
    *(BrokerError, CheckFailedError, DamageError, MachineError, RunningError, SettingsError),
    *(BrokenPipeError, MemoryError, PermissionError),
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

    Damage that a rebuild of the layer `repairing` repairs explains nothing.
    """
    cause = root_cause(error)
    if _says_enough(error, cause):
        return error
    damage = None
    with suppress(InputError, OSError):  # pyarrow cannot read the root
        damage = _behind(Lakehouse(root), error, cause, repairing)
    if damage is None:
        return error
    damage = recoverable(Lakehouse(root), damage)
    return damage.error(error.problem.partition(": ")[0] if isinstance(error, StreamError) else "")


def _says_enough(error: Exception, cause: Cause) -> bool:
    has_remedy = isinstance(error, CheckpointError) and not error.may_be_damage
    is_input = isinstance(error, InputError) and not cause.file
    is_other = isinstance(error, _OTHER_CAUSES) or _MACHINE.search(cause.message) is not None
    return has_remedy or is_input or is_other


def _behind(lake: Lakehouse, error: Exception, cause: Cause, repairing: str) -> Damage | None:
    """The damage to the file that the cause names, else the first of all."""
    damage = list(_without(repairing, _until_unreachable(all_damage(lake))))
    named = paths_named(cause)
    named += [checksum_of(path) for path in named]
    behind = next((one for one in damage if one.path.lstrip("/") in named), None)
    if behind is None and not isinstance(error, TableError):  # these say what to do about an old version
        behind = next(_without(repairing, unreadable(lake, cause)), None)
    return behind or next(iter(damage), None)


def _without(repairing: str, damage: Iterable[Damage]) -> Iterator[Damage]:
    return (one for one in damage if not repairing or one.layer != repairing)


def _until_unreachable(damage: Iterator[Damage]) -> Iterator[Damage]:
    """What was found before a file could not be reached."""
    with suppress(OSError, ValueError):
        yield from damage
