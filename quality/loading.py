"""Load Great Expectations only where a suite is built: it takes seconds."""

import gc
import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType

# It imports them for a chart and for statistical tests that few suites need: a third of its import, and 80 MB.
_DEFERRED = ("altair", "scipy.sparse", "scipy.stats")


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
    if "great_expectations" in sys.modules:
        return importlib.import_module("quality.validation")
    with _deferred_imports(), _no_collection():
        return importlib.import_module("quality.validation")


class _Deferred(MetaPathFinder):
    """Finds modules that Python executes when something first uses them."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path, target) if fullname in _DEFERRED else None
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


@contextmanager
def _deferred_imports() -> Iterator[None]:
    finder = _Deferred()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Import makes a million objects that stay; searching them for garbage takes a seventh of its time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if enabled:
            gc.enable()
