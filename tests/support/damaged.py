"""Empty, truncate or delete one file of a lakehouse, and run the repair that the error line names."""

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
_COMMANDS = re.compile(r"lakehouse (rebuild bronze|rebuild silver|run --select bronze|run --select silver)")


def go_on(spark: SparkSession, settings: Settings) -> str:
    """Run both streams and the audit: the line of the first failure, "" if there is none."""
    cluster = configured_cluster(settings.kafka)
    try:
        ingest(spark, settings, cluster)
        refine(spark, settings)
        return "; ".join(audit(settings, cluster)[2])
    except LakehouseError as error:
        return str(error)


def repair(line: str, file: Path, settings: Settings, command: Command) -> None:
    """Do what the line says: delete the file or what names it, then run its commands in order."""
    found = _COMMANDS.findall(line)
    if re.search(r"delete (it|that file)", line):
        file.unlink()
    if re.search(r"(delete|and) _last_checkpoint beside it", line):
        (file.parent / "_last_checkpoint").unlink()
    assert found or not file.exists(), f"no repair in: {line}"
    for words in found:
        outcome = command(*words.split(), settings=settings)
        assert outcome.code == 0, outcome
