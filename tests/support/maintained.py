"""Lakehouses for the tests of maintenance: versions, checkpoints, and time that passes."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from lakehouse.folders import open_folder
from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import Settings, load_settings
from lakehouse.tables import Table
from maintenance import maintain

HOURS = 3600
DAYS = 24 * HOURS


def settings_at(root: Path, *, keep_days: int) -> Settings:
    maintenance = load_settings().maintenance.model_copy(update={"keep_days": keep_days})
    return load_settings().model_copy(update={"root": str(root), "maintenance": maintenance})


def no_spark() -> NoReturn:
    raise AssertionError("no table has small files to join")


def maintained(settings: Settings, *tables: Table, dry_run: bool = False) -> maintain.Maintenance:
    return maintain.run(settings, tables, session=no_spark, now=datetime.now(UTC), dry_run=dry_run)


def age(root: Path, seconds: float) -> None:
    """Let this time pass: everything below the folder was written that much earlier."""
    for path in [root, *root.rglob("*")]:
        found = path.stat()
        os.utime(path, (found.st_atime, found.st_mtime - seconds))


def maintained_twice(settings: Settings, *tables: Table) -> maintain.Maintenance:
    """The second run deletes what the checkpoints of the first one replace."""
    maintained(settings, *tables)
    age(Path(settings.root), 2 * HOURS)
    return maintained(settings, *tables)


def silver_has_read(root: Path, *versions: int, feedback: int | None = None) -> None:
    """The checkpoint of stream 2 after batches that read bronze.events completely up to these versions.

    All of them have read bronze.feedback up to that version, if one is given.
    """
    folder = root / "checkpoints" / "silver"
    for log in ("offsets", "commits"):
        (folder / log).mkdir(parents=True, exist_ok=True)
    (folder / "metadata").write_text('{"id":"5ae5f6fd"}')
    for batch, version in enumerate(versions):
        positions = [_position(version), "-" if feedback is None else _position(feedback)]
        (folder / "offsets" / str(batch)).write_text("\n".join(["v1", "{}", *positions]))
        (folder / "commits" / str(batch)).write_text("v1\n{}")


def _position(version: int) -> str:
    offset = {"reservoirId": "a", "reservoirVersion": version + 1, "index": -1, "isStartingVersion": False}
    return json.dumps(offset)


def unreadable(root: Path, table: Table) -> list[int]:
    """The versions that the log lists and whose rows cannot be read."""
    lake = Lakehouse(root)
    return [version for version in lake.versions(table) if not _reads(lake, table, version)]


def _reads(lake: Lakehouse, table: Table, version: int) -> bool:
    try:
        return lake.read(table, version=version).num_rows >= 0
    except Exception:  # noqa: BLE001 - delta-rs has a class of its own for each missing file
        return False


def bytes_of(root: Path) -> int:
    return sum(file.size for file in open_folder(str(root)).stored().values())
