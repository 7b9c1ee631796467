"""Load Great Expectations only where a suite is built: it takes seconds."""

import importlib
import sys
from types import ModuleType


def load_validation() -> ModuleType:
    """The module `quality.validation`.

    Great Expectations tries to import pyspark's Connect client, and expects an ImportError if it lacks a package.
    But if the main module has no file (`python -c`, a pytest-xdist worker), pyspark 4 takes the import for its own
    doctests and calls sys.exit(0) (pyspark.sql.connect.utils.check_dependencies): a check that never ran would end
    like one that passed. A main module with a file gets the ImportError.
    """
    main = sys.modules["__main__"]
    if not hasattr(main, "__file__"):
        main.__file__ = ""
    return importlib.import_module("quality.validation")
