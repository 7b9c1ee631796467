"""Atomic writes of local files: a file is complete or absent, however its writer or the machine ends."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lakehouse.durability import sync


@contextmanager
def atomic_write(target: Path) -> Iterator[Path]:
    """A draft next to the target that replaces it when complete, and is removed if writing fails."""
    draft = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        yield draft
        sync([draft])
        draft.replace(target)
        sync([target.parent])
    finally:
        draft.unlink(missing_ok=True)
