"""What the tests have in common of one small demo."""

from typing import NamedTuple

from lakehouse.settings import Settings


class Demo(NamedTuple):
    """The lakehouse that `lakehouse demo` made, and what the command printed."""

    settings: Settings
    printed: str

    @property
    def root(self) -> str:
        return self.settings.root
