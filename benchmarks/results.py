"""How a benchmark without a broker runs, and where all of them write their figures for programs."""

import json
import tempfile
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from lakehouse.spark.session import spark_session

FOLDER = Path("build/benchmarks")


def write_results(name: str, found: Any) -> None:
    """Write a benchmark's results to build/benchmarks/NAME.json, in the current folder."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(found, indent=2), encoding="utf-8")


def run_alone(
    name: str,
    options: Namespace,
    measure: Callable[[SparkSession, Namespace, str], dict[str, Any]],
    show: Callable[[dict[str, Any]], None],
) -> None:
    """Measure in a session and an empty folder of its own, print the results, and write them."""
    with (
        tempfile.TemporaryDirectory() as folder,
        spark_session("benchmark", log_file=Path(folder, "log")) as spark,
    ):
        found = measure(spark, options, folder)
    show(found)
    write_results(name, found)
