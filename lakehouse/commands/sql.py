"""`lakehouse sql`: query the tables, at any version they still have."""

import argparse
import re

from pyspark.errors import AnalysisException, ParseException, PySparkException
from pyspark.sql import DataFrame, SparkSession

from lakehouse import storage
from lakehouse.commands.output import print_json, print_table
from lakehouse.errors import InputError, first_line
from lakehouse.session import spark_session
from lakehouse.settings import load_settings

_READS = re.compile(
    r"^\s*(?:--[^\n]*\n\s*)*(select|with|values|table|from|show|describe|desc|explain)\b", re.IGNORECASE
)


def run(args: argparse.Namespace) -> int:
    settings = load_settings()
    if not _READS.match(args.query):
        raise InputError(
            f"{args.query[:60]!r} does not start like a query",
            todo="sql reads tables: SELECT, WITH, SHOW or DESCRIBE",
        )
    with spark_session("lakehouse sql", log_file=settings.ops_dir / "spark.log") as spark:
        names = storage.register(spark, settings.root)
        rows = _query(spark, args.query, known=names)
        found = [row.asDict(recursive=True) for row in rows.limit(args.limit + 1).collect()]
        shown = found[: args.limit]
        if args.json:
            print_json(shown)
        else:
            print_table(rows.columns, [list(row.values()) for row in shown])
            if len(found) > args.limit:
                print(f"the first {args.limit} rows; --limit shows more")
    return 0


def _query(spark: SparkSession, query: str, *, known: list[str]) -> DataFrame:
    try:
        return spark.sql(query)
    except (ParseException, AnalysisException) as error:
        raise InputError(first_line(error), todo=f"tables here: {', '.join(known) or 'none yet'}") from error
    except PySparkException as error:
        raise InputError(first_line(error), todo="correct the query") from error
