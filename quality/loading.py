"""Great Expectations is loaded only when something is judged."""

import importlib
import sys
from types import ModuleType


def load_judging() -> ModuleType:
    """The module `quality.judging`.

    Great Expectations imports pyspark's Connect client where it can. pyspark takes a process whose main module
    has no file (`python -c`, a worker of pytest-xdist) for its own doctests then, and ends it with exit code 0,
    which would make a check that never ran a passed one. So that module gets a file first.
    """
    main = sys.modules["__main__"]
    if not hasattr(main, "__file__"):
        main.__file__ = ""
    return importlib.import_module("quality.judging")
