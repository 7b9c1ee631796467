"""The published jars that make up a Kafka broker: resolved and fetched once per user, then cached."""

import sys
import zipfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError

from lakehouse.atomic_write import atomic_write
from lakehouse.errors import MachineError, first_line
from lakehouse.locks import locked

if TYPE_CHECKING:
    from jgo.maven import Artifact

KAFKA_VERSION = "4.4.0"
# The last one writes the broker's log; it is `raw` so that its parent's versions do not override Kafka's.
_COORDINATES = (
    ("org.apache.kafka", "kafka_2.13", KAFKA_VERSION, False),
    ("org.apache.kafka", "kafka-tools", KAFKA_VERSION, False),
    ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.5", True),
)
_DOWNLOADS = 8
# How many lines report the progress.
_LINES = 10


def broker_jars() -> list[Path]:
    """All jars on the broker's class path. Raises MachineError if they are neither cached nor reachable."""
    cached = cached_jars()
    if cached:
        return cached
    listing = _listing()
    try:
        listing.parent.mkdir(parents=True, exist_ok=True)
        with locked(listing.with_suffix(".lock")):
            jars = cached_jars()  # another process may have fetched them while this one waited
            if not jars:
                jars = _resolve()
                _write(listing, jars)
    except (OSError, RuntimeError, ValueError, ParseError) as error:
        raise MachineError(
            f"the jars of Kafka {KAFKA_VERSION} could not be downloaded: {first_line(error)[:200]}",
            todo="connect to the network once, or set kafka.bootstrap_servers to an existing cluster",
        ) from error
    return jars


def cached_jars() -> list[Path]:
    """The broker's jars if all are already on this machine, otherwise an empty list."""
    try:
        jars = [Path(line) for line in _listing().read_text(encoding="utf-8").splitlines()]
    except FileNotFoundError:
        return []
    return jars if all(jar.is_file() for jar in jars) else []


def _listing() -> Path:
    from jgo.constants import default_jgo_cache

    return default_jgo_cache() / f"lakehouse-kafka-{KAFKA_VERSION}.txt"


def _resolve() -> list[Path]:
    """Use jgo's resolver alone: its environments would download a whole JDK to tell modules from other jars."""
    from jgo.maven import Dependency, MavenContext, PythonResolver

    resolver = PythonResolver()
    context = MavenContext(resolver=resolver)
    inputs = [
        Dependency(context.project(group, name).at_version(version).artifact(), scope="compile", raw=raw)
        for group, name, version, raw in _COORDINATES
    ]
    resolved, transitive = resolver.resolve(inputs)

    wanted = [dependency.artifact for dependency in (*resolved, *transitive)]
    with ThreadPoolExecutor(_DOWNLOADS) as pool:
        return list(counted(pool.map(fetched, wanted), len(wanted)))


def fetched(artifact: "Artifact") -> Path:
    """The artifact's jar in the local Maven repository, downloaded if it is missing or truncated."""
    try:
        jar = artifact.resolve()
    except AssertionError:  # jgo's, if a Maven build has put the jar there in the meantime
        jar = artifact.resolve()
    if not zipfile.is_zipfile(jar):  # a truncated download stays in the repository
        jar.unlink()
        jar = artifact.resolve()
    return Path(jar).absolute()


def counted(jars: Iterable[Path], total: int) -> Iterator[Path]:
    """The jars, with a line on stderr for each tenth of them: the first download takes a minute or more."""
    step = -(-total // _LINES)
    for number, jar in enumerate(jars, 1):
        if number % step == 0 or number == total:
            print(f"downloading Kafka {KAFKA_VERSION}: {number} of {total} jars", file=sys.stderr)  # noqa: T201
        yield jar


def _write(listing: Path, jars: list[Path]) -> None:
    with atomic_write(listing) as draft:
        draft.write_text("".join(f"{jar}\n" for jar in jars), encoding="utf-8")
