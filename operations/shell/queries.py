"""Statements run by Spark, restricted to reading this lakehouse's tables."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Protocol

from py4j.protocol import Py4JError, Py4JJavaError
from pyspark.errors import AnalysisException, ParseException, PySparkException
from pyspark.sql import DataFrame, Row

from lakehouse.errors import InputError, first_line
from lakehouse.history.damage_errors import damage_named
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.spark.sql_sandbox import as_query, sandbox
from lakehouse.tables import CATALOGUE
from operations.call import Call
from operations.shell.results import QueryResult

# Describing statements run as they are. Anything else must be a query: parentheses can hold nothing else.
_DESCRIBES = re.compile(r"\s*(show|describe|desc|explain)\b", re.IGNORECASE)

_NO_TABLE = "TABLE_OR_VIEW_NOT_FOUND"

# A quoted name or text that contains a slash.
_PATH = re.compile(r"""['"`][^'"`]*/[^'"`]*['"`]""")


class Engine(Protocol):
    """What runs statements, one at a time. `cancel` may be called by another thread."""

    def run(self, statement: str, *, limit: int) -> QueryResult:
        """At most `limit` rows. Raises LakehouseError for a statement that fails; other errors end the engine."""
        ...

    def cancel(self) -> None: ...


class CancelledError(InputError):
    """The user has cancelled the statement."""


class Queries:
    """Runs statements in one session. `registration` holds the tables that the session knows, and forgets them."""

    def __init__(self, lake: SparkLakehouse, registration: ExitStack) -> None:
        self._lake, self._registration = lake, registration
        self._cancelled = False
        self._register()

    def run(self, statement: str, *, limit: int) -> QueryResult:
        self._cancelled = False
        try:
            with damage_named(self._lake.root):
                return self._rows(statement, limit)
        except (PySparkException, Py4JJavaError) as error:
            raise InputError(first_line(error), todo="correct the query") from error

    def cancel(self) -> None:
        self._cancelled = True
        with suppress(Py4JError, OSError):  # the JVM is gone, which the statement's own error says
            self._lake.spark.sparkContext.cancelAllJobs()

    def _rows(self, statement: str, limit: int) -> QueryResult:
        try:
            rows = self._frame_of_tables(statement)
            fetched = rows.limit(limit + 1).collect()
        except (PySparkException, Py4JJavaError) as error:
            if self._cancelled:
                raise CancelledError("cancelled") from None
            if isinstance(error, (ParseException, AnalysisException)):
                tables = ", ".join(self._known) or "none yet"
                raise InputError(first_line(error), todo=f"sql only reads; tables here: {tables}") from error
            raise
        return QueryResult(
            rows.columns, [[_plain(value) for value in row] for row in fetched[:limit]], len(fetched) > limit
        )

    def _frame_of_tables(self, statement: str) -> DataFrame:
        """The statement's rows; if it names a table that another process has made meanwhile, too."""
        try:
            return self._frame(statement)
        except AnalysisException as error:
            if error.getCondition() != _NO_TABLE or not self._has_new_tables():
                raise
        self._register()
        return self._frame(statement)

    def _register(self) -> None:
        self._registration.close()
        self._known = self._registration.enter_context(self._lake.registered())

    def _has_new_tables(self) -> bool:
        present = [table.sql_name for table in CATALOGUE if self._lake.exists(table)]
        return present != self._known

    def _frame(self, statement: str) -> DataFrame:
        statement = statement.strip().rstrip(";")
        if not _DESCRIBES.match(statement):
            return self._lake.spark.sql(as_query(statement))
        _refuse_paths(statement)
        return self._lake.spark.sql(statement)


@contextmanager
def queries(call: Call) -> Iterator[Queries]:
    """The call's session, which knows the tables that exist now and reads nothing else."""
    with call.spark() as started:
        spark = started.newSession()  # the restrictions apply to this session alone
        with ExitStack() as registration:
            engine = Queries(SparkLakehouse(call.settings.root, spark), registration)
            sandbox(spark)
            yield engine


def _refuse_paths(statement: str) -> None:
    """Refuse a path in place of a table, which describing statements accept: a quoted word with a slash."""
    if _PATH.search(statement):
        raise InputError("a path in place of a table", todo="name a table: sql reads those of this lakehouse only")


def _plain(value: Any) -> Any:
    """The value with a dict for every row in it, at any depth."""
    return Row(value=value).asDict(recursive=True)["value"]
