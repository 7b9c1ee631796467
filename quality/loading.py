"""Load Great Expectations only when something is judged."""

import importlib
import sys
from types import ModuleType


def load_judging() -> ModuleType:
    """The module `quality.judging`.

    Great Expectations imports pyspark's Connect client if it can. If the process's main module has no file
    (`python -c`, a pytest-xdist worker), pyspark then takes it for its own doctests and ends it with exit code 0,
    which would turn a check that never ran into a passed one. So the main module is given a file first.
    """
    main = sys.modules["__main__"]
    if not hasattr(main, "__file__"):
        main.__file__ = ""
    return importlib.import_module("quality.judging")
