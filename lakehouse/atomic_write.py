"""Atomic writes of local files: a file is complete or absent, however its writer ends."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(target: Path) -> Iterator[Path]:
    """A draft next to the target that replaces it when complete, and is removed if writing fails."""
    draft = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        yield draft
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
