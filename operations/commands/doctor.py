"""`lakehouse doctor`: what this machine has and lacks for the lakehouse, and what to do about it."""

import argparse
import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from lakehouse.broker.config import LOOPBACK, is_free
from lakehouse.broker.jars import KAFKA_VERSION, cached_jars
from lakehouse.errors import LakehouseError, first_line
from lakehouse.folders import open_folder
from lakehouse.history.growth import growth
from lakehouse.jvm.java import find_java, utf8_locale
from lakehouse.kafka.admin import cluster_id
from lakehouse.kafka.client import Cluster, configured_cluster
from lakehouse.kafka.connection import AdvertisedError
from lakehouse.root_version import require_known_version, root_version
from lakehouse.settings import KafkaSettings, Settings
from lakehouse.spark.defaults import defaults_file, readable_defaults, spark_defaults
from lakehouse.spark.environment import STARTERS, environment_faults, suspects
from lakehouse.version import VERSION
from operations.call import Call
from operations.output import print_json, print_table

PYTHON = (3, 11)
DISK_BYTES = 2 * 1024**3
MEMORY_BYTES = 4 * 1024**3
_WARNED_DAYS = 7
_IVY_FOLDER = ".ivy2.5.2"  # where Spark 4 keeps the jars of spark.jars.packages
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_FOREIGN_SECONDS = 2.0


@dataclass(frozen=True)
class Finding:
    """One thing that was checked: `missing` stops the lakehouse, a `note` does not."""

    check: str
    status: Literal["ok", "note", "missing"]
    found: str
    todo: str = ""


def run(args: argparse.Namespace, call: Call) -> int:
    findings = examine(call.settings)
    if args.json:
        print_json([asdict(finding) for finding in findings])
    else:
        print_table(("check", "status", "found", "what to do"), [tuple(asdict(row).values()) for row in findings])
    return 2 if any(finding.status == "missing" for finding in findings) else 0


def examine(settings: Settings) -> list[Finding]:
    """Run every check. Java is actually run and a configured cluster actually asked; nothing else is started."""
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (
        python_findings,
        java_findings,
        lambda: package_findings("pyspark", "delta-spark"),
        environment_findings,
        spark_settings_findings,
        lambda: jar_findings(readable_defaults()),
        lambda: kafka_findings(settings.kafka),
        lambda: root_findings(settings.root),
        lambda: version_findings(settings.root),
        lambda: memory_findings(machine_memory()),
    )
    return [finding for check in checks for finding in check()]


def python_findings() -> Iterator[Finding]:
    wanted = ".".join(map(str, PYTHON))
    fine = sys.version_info >= PYTHON
    todo = "" if fine else f"install Python {wanted} or newer"
    yield Finding("Python", "ok" if fine else "missing", platform.python_version(), todo)


def java_findings() -> Iterator[Finding]:
    try:
        java = find_java()
    except LakehouseError as error:
        yield Finding("Java", "missing", error.problem, error.todo)
    else:
        yield Finding("Java", "ok", f"{java.version} at {java.home} ({java.source})")


def package_findings(*packages: str) -> Iterator[Finding]:
    for package in packages:
        try:
            yield Finding(package, "ok", importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(package, "missing", "not installed", f"run make setup, or pip install {package}")


def environment_findings() -> Iterator[Finding]:
    """Variables that break Spark's start, and those that only the JVM itself can judge."""
    faults = {fault.variable: fault for fault in environment_faults()}
    for name, fault in faults.items():
        yield Finding(name, "missing", fault.problem, fault.todo)
    for name in suspects():
        if name in STARTERS and name not in faults:
            yield Finding(
                name,
                "note",
                "is set, and Spark or its JVM reads it on start",
                f"unset {name} if they do not start",
            )


def spark_settings_findings() -> Iterator[Finding]:
    try:
        spark_defaults(defaults_file())
    except LakehouseError as error:
        yield Finding("Spark settings", "missing", error.problem, error.todo)


def jar_findings(defaults: dict[str, str]) -> Iterator[Finding]:
    """Jars that are not cached yet are fetched on the first run: a note, for a machine without network."""
    jars = Path(defaults.get("spark.jars.ivy") or Path.home() / _IVY_FOLDER) / "jars"
    packages = [name for name in defaults.get("spark.jars.packages", "").split(",") if name]
    absent = [name for name in packages if not (jars / _jar_name(name)).is_file()]
    if absent:
        yield Finding("Spark jars", "note", f"not cached: {', '.join(absent)}", "downloaded on the first run")
    else:
        yield Finding("Spark jars", "ok", f"{len(packages)} packages cached in {jars}")
    if cached_jars():
        yield Finding("Kafka jars", "ok", f"Kafka {KAFKA_VERSION}, {len(cached_jars())} jars cached")
    else:
        yield Finding(
            "Kafka jars",
            "note",
            f"Kafka {KAFKA_VERSION} is not cached",
            "downloaded when the embedded broker first starts",
        )


def kafka_findings(kafka: KafkaSettings) -> Iterator[Finding]:
    if kafka.bootstrap_servers:
        try:
            identity = cluster_id(configured_cluster(kafka), timeout_seconds=kafka.connect_timeout_seconds)
        except LakehouseError as error:
            yield Finding("Kafka", "missing", error.problem, error.todo)
        else:
            yield Finding("Kafka", "ok", f"cluster {identity} answers at {kafka.bootstrap_servers}")
        return
    address = f"{LOOPBACK}:{kafka.embedded_port}"
    if kafka.embedded_port == 0 or is_free(kafka.embedded_port):
        yield Finding(
            "Kafka", "ok", f"the embedded broker will listen at {address}".replace(":0", ", a free port")
        )
        return
    try:
        identity = cluster_id(Cluster(address), timeout_seconds=_FOREIGN_SECONDS)
    except AdvertisedError as error:
        yield Finding("Kafka", "note", error.problem, "nothing: the embedded broker will use a free port")
    except LakehouseError:
        yield Finding(
            "Kafka",
            "note",
            f"something else listens at {address}",
            "nothing: the embedded broker will use a free port",
        )
    else:
        yield Finding("Kafka", "ok", f"a broker answers at {address}, and will be used (cluster {identity})")


def root_findings(root: str) -> Iterator[Finding]:
    if "://" in root:
        yield Finding(
            "Root", "note", f"{root} is an object store", "the environment must have its credentials (AWS_...)"
        )
        return
    if utf8_locale() and not root.isascii():
        yield Finding("Locale", "note", f"not UTF-8, and the root is {root}", "spark-submit needs LC_ALL=C.UTF-8")
    folder = next(path for path in (Path(root), *Path(root).parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=folder):
            yield Finding("Root", "ok", f"{root} is writable")
    except OSError as error:
        todo = "make it writable or set LAKEHOUSE_ROOT to another folder"
        yield Finding("Root", "missing", f"{folder} is not writable: {error.strerror}", todo)
    free = shutil.disk_usage(folder).free
    enough = free >= DISK_BYTES
    todo = "" if enough else f"free some space: below {_gigabytes(DISK_BYTES)} the demo may not fit"
    yield Finding("Disk", "ok" if enough else "note", f"{_gigabytes(free)} free at {folder}", todo)
    yield from growth_findings(root, free, now=datetime.now(UTC))


def version_findings(root: str) -> Iterator[Finding]:
    """The version that the root's tables have, if there are tables or if it cannot be determined."""
    try:
        require_known_version(root)
        found = root_version(root)
        if found is None and "bronze" not in open_folder(root).names():
            return
    except LakehouseError as error:
        yield Finding("Tables", "missing", error.problem, error.todo)
    except OSError as error:
        yield Finding("Tables", "note", f"{root} cannot be read: {first_line(error)}")
    else:
        is_older = found != VERSION
        todo = f"nothing: the next run of each job upgrades its tables to {VERSION}" if is_older else ""
        yield Finding("Tables", "note" if is_older else "ok", f"of version {found or '0.1.0'}", todo)


def growth_findings(root: str, free: int, *, now: datetime) -> Iterator[Finding]:
    """Whether the root's files, Kafka's among them, fill the disk within a week if they grow on as they do."""
    try:
        grown = growth(open_folder(root).stored().values(), now=now)
    except OSError:  # not readable, or a running stream has just deleted a folder
        return
    if grown.per_day * _WARNED_DAYS > free:
        days = free / grown.per_day
        yield Finding(
            "Growth",
            "note",
            f"{_gigabytes(grown.per_day)} a day: the disk is full in {days:.1f} days",
            "lakehouse status shows which tables grow, lakehouse maintain --dry-run what can go",
        )


def memory_findings(memory: int) -> Iterator[Finding]:
    enough = memory >= MEMORY_BYTES
    todo = "" if enough else f"below {_gigabytes(MEMORY_BYTES)}, lower spark.driver.memory in {defaults_file()}"
    yield Finding("Memory", "ok" if enough else "note", _gigabytes(memory), todo)


def machine_memory() -> int:
    """Bytes of memory, or the container's limit if it has one."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = _CGROUP_LIMIT.read_text().strip() if _CGROUP_LIMIT.is_file() else "max"
    return min(machine, int(limit)) if limit.isdigit() else machine


def _jar_name(coordinate: str) -> str:
    """Spark's name for the cached jar of group:name:version."""
    group, name, version = coordinate.split(":")
    return f"{group}_{name}-{version}.jar"


def _gigabytes(size: int) -> str:
    return f"{size / 1024**3:.1f} GiB"
