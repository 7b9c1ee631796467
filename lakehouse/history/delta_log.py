"""A table's Delta log, read without a Spark job: its commits, newest first (Delta transaction protocol)."""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

from pyspark.sql import SparkSession

from lakehouse import files

_COMMIT_FILE = re.compile(r"\d{20}\.json")
# Operations that leave every row of a table as it is: maintenance, and changes of its contract.
KEEP_ROWS = frozenset(
    {
        *("CREATE TABLE", "ADD COLUMNS", "CHANGE COLUMN", "CHANGE COLUMNS", "ADD CONSTRAINT", "DROP CONSTRAINT"),
        *("SET TBLPROPERTIES", "UNSET TBLPROPERTIES", "UPGRADE PROTOCOL"),
        *("OPTIMIZE", "REORG", "VACUUM START", "VACUUM END"),
    }
)


class Commit(NamedTuple):
    """One version of a table: its operation, the operation's parameters, its writer's metadata, and its time."""

    version: int
    operation: str
    parameters: dict[str, Any]
    user_metadata: dict[str, Any]
    written_at: datetime | None = None


class Told(Protocol):
    """What a commit records, whoever read it."""

    @property
    def operation(self) -> str: ...
    @property
    def parameters(self) -> Mapping[str, Any]: ...
    @property
    def user_metadata(self) -> Mapping[str, Any]: ...


def versions(spark: SparkSession, path: str) -> list[int]:
    """The versions whose commits are still in the log, oldest first; empty if there is no table."""
    return [int(name[:20]) for name in files.names(spark, f"{path}/_delta_log") if _COMMIT_FILE.fullmatch(name)]


def commits(spark: SparkSession, path: str, *, after: int = -1) -> Iterator[Commit]:
    """The commits with a version above `after`, newest first, each read on demand."""
    for version in reversed(versions(spark, path)):
        if version <= after:
            return
        yield _commit(version, files.read_text(spark, f"{path}/_delta_log/{version:020d}.json"))


def commit(spark: SparkSession, path: str, version: int) -> Commit | None:
    """The commit of this version; None if it is no longer in the log."""
    name = f"{version:020d}.json"
    if name not in files.names(spark, f"{path}/_delta_log"):
        return None
    return _commit(version, files.read_text(spark, f"{path}/_delta_log/{name}"))


def inputs_of(spark: SparkSession, path: str, version: int) -> dict[str, int] | None:
    """The versions of the tables that this version's rows were built from; None if no commit records them."""

    def read(at: int) -> Commit:
        return _commit(at, files.read_text(spark, f"{path}/_delta_log/{at:020d}.json"))

    return follow_inputs(version, versions(spark, path), read)


def follow_inputs(version: int, known: Collection[int], read: Callable[[int], Told]) -> dict[str, int] | None:
    """The inputs recorded by the writer of this version's rows, found through the commits that `read` returns.

    Maintenance moves rows without creating them, and a restored table holds the rows of the version it names.
    """
    at = version
    while at in known:
        found = read(at)
        if isinstance(found.user_metadata.get("inputs"), dict):
            return {str(name): int(number) for name, number in found.user_metadata["inputs"].items()}
        restored = found.parameters.get("version") if found.operation == "RESTORE" else None
        at = at - 1 if restored is None else int(restored)
    return None


def _commit(version: int, text: str) -> Commit:
    for line in text.splitlines():
        if '"commitInfo"' in line:
            info = json.loads(line).get("commitInfo")
            if info:
                user_metadata = noted(info.get("userMetadata"))
                parameters = info.get("operationParameters") or {}
                return Commit(
                    version, info.get("operation", ""), parameters, user_metadata, _moment(info.get("timestamp"))
                )
    return Commit(version, "", {}, {})


def _moment(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)


def noted(text: str | None) -> dict[str, Any]:
    """The JSON object that our own writers record; empty for anything else."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
