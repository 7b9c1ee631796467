"""A job that prints, for each executor, where its code and packages come from, as one JSON line.

spark-submit ... tests/support/executors_code.py
"""

import json
import sys
from collections.abc import Iterator

import pyarrow as pa
from pyspark.sql import SparkSession

# Tasks are divided evenly over cores that are free.
_TASKS = 8
_SCHEMA = "host string, code string, packages string, path string"


def found(_: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    import os

    import numpy

    import lakehouse

    row = {
        "host": os.getcwd(),  # noqa: PTH109 - an executor's folder, as text
        "code": os.path.abspath(str(lakehouse.__file__)),  # noqa: PTH100
        "packages": os.path.abspath(numpy.__file__),  # noqa: PTH100
        "path": os.environ.get("PYTHONPATH", ""),
    }
    yield pa.RecordBatch.from_pylist([row])


if __name__ == "__main__":
    with SparkSession.builder.getOrCreate() as spark:
        rows = spark.range(_TASKS).repartition(_TASKS).mapInArrow(found, _SCHEMA).distinct().collect()
    sys.stdout.write(json.dumps([row.asDict() for row in rows]))
