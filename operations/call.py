"""What a command gets from its caller: a shell, or a test in its own process."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lakehouse.settings import Settings

if TYPE_CHECKING:  # config and doctor must also work without pyspark
    from pyspark.sql import SparkSession


class SessionFactory(Protocol):
    """lakehouse.spark.session.spark_session, or a substitute."""

    def __call__(
        self, name: str, *, log_file: Path | None = None, lasting: bool = False
    ) -> "AbstractContextManager[SparkSession]": ...


def own_session(
    name: str, *, log_file: Path | None = None, lasting: bool = False
) -> "AbstractContextManager[SparkSession]":
    """The session of a command started from a shell. pyspark is imported only if Spark is needed."""
    from lakehouse.spark.session import spark_session

    return spark_session(name, log_file=log_file, lasting=lasting)


@dataclass(frozen=True)
class Call:
    """One call of the command with this name."""

    command: str
    settings: Settings
    session: SessionFactory

    def spark(self, *, lasting: bool = False) -> "AbstractContextManager[SparkSession]":
        """The command's session, for a `with`; the JVM's output goes to ops/spark.log, not to the terminal."""
        log_file = self.settings.ops_dir / "spark.log"
        return self.session(f"lakehouse {self.command}", log_file=log_file, lasting=lasting)
