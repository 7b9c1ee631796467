"""`lakehouse` in the driver that spark-submit starts, after asking where executors have their code from.

    spark-submit ... tests/support/executors_code.py FILE COMMAND...

FILE gets a JSON list with an object for each executor.
"""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pyspark.sql import SparkSession

from operations import cli

# Enough for each free core to run one.
_TASKS = 8
_SCHEMA = "folder string, code string, packages string, path string"


def found(_: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """One row: this executor's own folder, and where it imports from."""
    import numpy

    import lakehouse

    row = {
        "folder": str(Path.cwd()),
        "code": str(Path(lakehouse.__file__).absolute()),
        "packages": str(Path(numpy.__file__).absolute()),
        "path": os.environ.get("PYTHONPATH", ""),
    }
    yield pa.RecordBatch.from_pylist([row])


def main(file: str, *command: str) -> int:
    # the command uses and stops this session: what --py-files sends ends with the first one of a driver
    spark = SparkSession.builder.getOrCreate()
    rows = spark.range(_TASKS).repartition(_TASKS).mapInArrow(found, _SCHEMA).distinct().collect()
    Path(file).write_text(json.dumps([row.asDict() for row in rows]), encoding="utf-8")
    return cli.main(command)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
