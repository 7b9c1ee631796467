"""Files of this machine that are there whole or not at all, however their writer ends."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A draft beside the target that takes its place when complete, and is removed where writing it fails."""
    draft = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        yield draft
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
