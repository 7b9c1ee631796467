"""The one place that turns a failure into the error naming the damaged file behind it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from lakehouse.errors import SettingsError


@contextmanager
def damage_named(root: str | None = None, *, repairing: str = "") -> Iterator[None]:
    """Replace a failure that a damaged file of this lakehouse explains with the error that names the file.

    `root` defaults to that of this process's settings. `repairing` is the layer that is being rebuilt: its damage
    explains nothing, because the rebuild is its repair.
    """
    try:
        yield
    except SettingsError:
        raise
    except Exception as error:
        if "pyspark" not in sys.modules:  # nothing has read a table: a producer, doctor
            raise
        from lakehouse.history.explanations import explained
        from lakehouse.settings import load_settings

        explanation = explained(root or load_settings().root, error, repairing=repairing)
        if explanation is error:
            raise
        raise explanation from error
