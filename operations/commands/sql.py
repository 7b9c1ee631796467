"""`lakehouse sql`: query the tables, at any version they still have."""

import argparse
import re

from pyspark.errors import AnalysisException, ParseException, PySparkException
from pyspark.sql import DataFrame, SparkSession

from lakehouse import storage
from lakehouse.errors import InputError, first_line
from lakehouse.spark.confinement import as_query, confine
from operations.call import Call
from operations.output import print_json, print_table

# Describing statements run as they are. Anything else must be a query: parentheses can hold nothing else.
_DESCRIBES = re.compile(r"\s*(show|describe|desc|explain)\b", re.IGNORECASE)

# A quoted name or text that contains a slash.
_PATH = re.compile(r"""['"`][^'"`]*/[^'"`]*['"`]""")


def run(args: argparse.Namespace, call: Call) -> int:
    with call.spark() as started:
        spark = started.newSession()  # the restrictions below apply to this session alone
        with storage.registered(spark, call.settings.root) as names:
            confine(spark)
            rows = _query(spark, args.query, known=names)
            found = rows.limit(args.limit + 1).collect()
    shown = found[: args.limit]
    if args.json:
        print_json([row.asDict(recursive=True) for row in shown])
        return 0
    # two columns with one name, as a join returns them, are two columns of the table
    unique = len(set(rows.columns)) == len(rows.columns)
    print_table(
        rows.columns, [list(row.asDict(recursive=True).values()) if unique else list(row) for row in shown]
    )
    if len(found) > args.limit:
        print(f"the first {args.limit} rows; --limit shows more")
    return 0


def _refuse_paths(query: str) -> None:
    """Refuse a path in place of a table, which describing statements accept: a quoted word with a slash."""
    if _PATH.search(query):
        raise InputError("a path in place of a table", todo="name a table: sql reads those of this lakehouse only")


def _query(spark: SparkSession, query: str, *, known: list[str]) -> DataFrame:
    query = query.strip().rstrip(";")
    try:
        if _DESCRIBES.match(query):
            _refuse_paths(query)
        else:
            query = as_query(query)
        return spark.sql(query)
    except (ParseException, AnalysisException) as error:
        tables = ", ".join(known) or "none yet"
        raise InputError(first_line(error), todo=f"sql only reads; tables here: {tables}") from error
    except PySparkException as error:
        raise InputError(first_line(error), todo="correct the query") from error
