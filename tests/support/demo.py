"""The small demo lakehouse that tests share."""

from typing import NamedTuple

from lakehouse.settings import Settings


class Demo(NamedTuple):
    """The lakehouse that `lakehouse demo` built, and what the command printed."""

    settings: Settings
    printed: str

    @property
    def root(self) -> str:
        return self.settings.root
