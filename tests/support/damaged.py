"""One file of a lakehouse made empty, cut or deleted, and the repair that the error's line names."""

import re
from collections.abc import Callable
from pathlib import Path

from pyspark.sql import SparkSession

from bronze.ingest import ingest
from lakehouse.errors import LakehouseError
from lakehouse.kafka.client import configured_cluster
from lakehouse.settings import Settings
from operations.commands.audit import audit
from silver.refine import refine
from tests.support.outcome import Command

DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda file: file.write_bytes(b""),
    "cut": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "deleted": lambda file: file.unlink(),
}
_COMMANDS = re.compile(r"lakehouse (rebuild bronze|rebuild silver|run --select bronze)")


def go_on(spark: SparkSession, settings: Settings) -> str:
    """Both streams and the audit: the line of the first that fails, "" where everything adds up."""
    cluster = configured_cluster(settings.kafka)
    try:
        ingest(spark, settings, cluster)
        refine(spark, settings)
        return "; ".join(audit(spark, settings, cluster)[2])
    except LakehouseError as error:
        return str(error)


def repair(line: str, file: Path, settings: Settings, command: Command) -> None:
    """Do what the line names: delete the file, then its commands in their order."""
    found = _COMMANDS.findall(line)
    if re.search(r"delete (it|that file)", line):
        file.unlink()
    assert found or not file.exists(), f"no repair in: {line}"
    for words in found:
        outcome = command(*words.split(), settings=settings)
        assert outcome.code == 0, outcome
