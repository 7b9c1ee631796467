"""A Spark session for work that may need none."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache

from pyspark.sql import SparkSession

Session = Callable[[], SparkSession]


@contextmanager
def on_demand(start: Callable[[], AbstractContextManager[SparkSession]]) -> Iterator[Session]:
    """A session that starts when it is first asked for, if ever, and ends with the block."""
    with ExitStack() as stack:
        yield cache(lambda: stack.enter_context(start()))
