"""Things made once per test run, by the first worker that needs them."""

from collections.abc import Callable
from pathlib import Path

from lakehouse.locks import locked


def made_once(folder: Path, make: Callable[[Path], object]) -> Path:
    """The folder that `make` filled, in this worker or another."""
    folder.mkdir(exist_ok=True)
    made, content = folder / "made", folder / "content"
    with locked(folder / "lock"):
        if not made.exists():
            make(content)
            made.touch()
    return content
