"""How a benchmark that needs no broker runs, and where all leave their figures for programs."""

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
    """Write what a benchmark measured as build/benchmarks/NAME.json, in the folder it was started in."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(found, indent=2), encoding="utf-8")


def run_alone(
    name: str,
    options: Namespace,
    measure: Callable[[SparkSession, Namespace, str], dict[str, Any]],
    show: Callable[[dict[str, Any]], None],
) -> None:
    """Measure in a session and an empty folder of its own, print what was found, and write it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        spark_session("benchmark", log_file=Path(folder, "log")) as spark,
    ):
        found = measure(spark, options, folder)
    show(found)
    write_results(name, found)
