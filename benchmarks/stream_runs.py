"""What the streams' benchmarks share: the JVM they run in, and the streams' log of their batches."""

import json
import os
from pathlib import Path
from typing import Any


def use_streams_jvm() -> None:
    """Start Spark as spark-submit does: streams live long enough for the JVM's second compiler."""
    os.environ.setdefault("PYSPARK_SUBMIT_ARGS", "--properties-file conf/spark-defaults.conf pyspark-shell")


def logged_batches(ops_dir: Path) -> list[dict[str, Any]]:
    """The streams' own log lines about their batches so far (lakehouse.spark.progress), oldest first."""
    log = ops_dir / "stream_progress.jsonl"
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []
