"""The small demo lakehouse that tests share."""

from pathlib import Path
from typing import NamedTuple

from lakehouse.settings import Settings


class Demo(NamedTuple):
    """The lakehouse that `lakehouse demo` built, and what the command printed."""

    settings: Settings
    printed: str
    # Where the command was started, far from the checkout.
    here: Path

    @property
    def root(self) -> str:
        return self.settings.root
