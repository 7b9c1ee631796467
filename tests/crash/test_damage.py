"""Empty, truncate or delete each kind of file of both streams' checkpoints and tables, one at a time.

Then empty the newest files together, as a power failure may do to what nothing has synced. Either the lakehouse
still works, or one line names the file and a repair, after which the audit is clean.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lakehouse.kafka.client import Cluster
from lakehouse.settings import KafkaSettings, Settings, load_settings
from tests.spark.test_continuity import send
from tests.support.damaged import DAMAGES, go_on, repair
from tests.support.delta_cache import forget_tables
from tests.support.outcome import Command
from tests.support.sending import run_both

BATCHES = 3
COMMITS = tuple(f"{version:020d}" for version in range(BATCHES + 1))
CHECKPOINTS = ("checkpoints/bronze/events", "checkpoints/silver")
TABLES = ("bronze/events", "silver/users", "silver/quarantine", "silver/batches")
# Nothing was deleted or corrected: these have only the commit that created them, and no rows.
EMPTY_TABLES = ("silver/tombstones", "silver/corrections")
# The tables whose logs have a checkpoint after their second batch.
LOGS_WITH_CHECKPOINT = ("bronze/events", "silver/users")


@pytest.fixture(scope="module")
def base(spark: SparkSession, broker: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A lakehouse after three batches of both streams, silver's first one by Spark; and more records in Kafka."""
    names = {f"{kind}_topic": f"damage-{kind}" for kind in ("users", "movies", "series", "feedback")}
    kafka = KafkaSettings.model_validate(
        {**load_settings().kafka.model_dump(), "bootstrap_servers": broker.bootstrap, "partitions": 1, **names}
    )
    root = tmp_path_factory.mktemp("damage") / "lakehouse"
    settings = load_settings().model_copy(update={"root": str(root), "kafka": kafka})
    for batch in range(BATCHES):
        for seed in {batch, max(batch - 1, 0)}:  # updates have a change feed
            send(settings, seed)
        by_spark = settings.silver.model_copy(update={"in_process_rows": 0})
        run_both(spark, settings if batch else settings.model_copy(update={"silver": by_spark}))
        if batch == 1:
            forget_tables()  # Delta does not know yet what silver has written in process
            for table in LOGS_WITH_CHECKPOINT:
                write_checkpoint(spark, f"{root}/{table}")
    send(settings, seed=BATCHES)
    return settings


@pytest.fixture
def copied(base: Settings, tmp_path: Path) -> Iterator[Settings]:
    root = Path(shutil.copytree(base.root, tmp_path / "lakehouse"))
    forget_tables()
    yield base.model_copy(update={"root": str(root)})
    shutil.rmtree(root)


def write_checkpoint(spark: SparkSession, path: str) -> None:
    jvm = spark.sparkContext._jvm
    assert jvm is not None
    jvm.org.apache.spark.sql.delta.DeltaLog.forTable(spark._jsparkSession, path).checkpoint()


def added(root: Path, table: str, version: int) -> Path:
    """The last data file that this version added."""
    log = (root / table / "_delta_log" / f"{version:020d}.json").read_text().splitlines()
    paths = [action["add"]["path"] for action in map(json.loads, log) if "add" in action]
    return root / table / paths[-1]


def checksum(file: Path) -> Path:
    """Hadoop's checksum file of a local file."""
    return file.with_name(f".{file.name}.crc")


Find = Callable[[Path], Path]


def at(name: str) -> Find:
    return lambda root: root / name


def data(table: str, version: int) -> Find:
    return lambda root: added(root, table, version)


def checksum_of(find: Find) -> Find:
    return lambda root: checksum(find(root))


FILES: dict[str, Find] = {
    **{
        f"{checkpoint}/{name}": at(f"{checkpoint}/{name}")
        for checkpoint in CHECKPOINTS
        for name in ("metadata", "offsets/2", "offsets/1", "offsets/0", "commits/2", "commits/1", "sources/0/0")
        if (checkpoint, name) != ("checkpoints/silver", "sources/0/0")  # Delta's source has no such file
    },
    **{
        f"{table} {version}": at(f"{table}/_delta_log/{version}.json")
        for table in TABLES
        for version in (COMMITS[0], COMMITS[1], COMMITS[-1])
    },
    **{f"{table} {COMMITS[0]}": at(f"{table}/_delta_log/{COMMITS[0]}.json") for table in EMPTY_TABLES},
    **{
        f"{table} {name}": at(f"{table}/_delta_log/{name}")
        for table in LOGS_WITH_CHECKPOINT
        for name in (f"{COMMITS[2]}.checkpoint.parquet", "_last_checkpoint", f"{COMMITS[1]}.crc")
    },
    # only Spark writes these
    f"bronze/events {COMMITS[-1]}.crc": at(f"bronze/events/_delta_log/{COMMITS[-1]}.crc"),
    **{f"{table} data": data(table, BATCHES) for table in TABLES},
    **{f"{table} first data": data(table, 1) for table in TABLES},
    "the change feed": lambda root: next((root / "silver/users/_change_data").glob("*.parquet")),
    **{
        f"checksum of {name}": checksum_of(find)
        for name, find in {
            "a checkpoint of a log": at(f"silver/users/_delta_log/{COMMITS[2]}.checkpoint.parquet"),
            "bronze's data": data("bronze/events", BATCHES),
            "silver's data": data("silver/quarantine", 1),
        }.items()
    },
}
# What the last batch of each stream wrote last, by its name in a test.
NEWEST: dict[str, dict[str, str]] = {
    layer: {
        "table": f"{table}/_delta_log/{COMMITS[-1]}.json",
        **more,
        "offset": f"checkpoints/{checkpoint}/offsets/{BATCHES - 1}",
        "commit": f"checkpoints/{checkpoint}/commits/{BATCHES - 1}",
    }
    for layer, table, checkpoint, more in (
        ("bronze", "bronze/events", "bronze/events", {}),
        ("silver", "silver/users", "silver", {"batches": f"silver/batches/_delta_log/{COMMITS[-1]}.json"}),
    )
}
TOGETHER = [
    *(
        [f"{layer} {name}" for name in names]
        for layer, files in NEWEST.items()
        for count in range(1, len(files) + 1)
        for names in combinations(files, count)
    ),
    [f"{layer} {name}" for layer, files in NEWEST.items() for name in files],
]


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("name", FILES)
def test_one_file(spark: SparkSession, command: Command, copied: Settings, name: str, how: str) -> None:
    file = FILES[name](Path(copied.root))
    DAMAGES[how](file)
    line = go_on(spark, copied)
    if not line:
        return
    assert str(file) in line
    assert "\n" not in line
    repair(line, file, copied, command)
    assert go_on(spark, copied) == ""


@pytest.mark.parametrize("names", TOGETHER, ids=", ".join)
def test_the_newest_files(spark: SparkSession, copied: Settings, names: list[str], command: Command) -> None:
    files = [Path(copied.root, NEWEST[layer][name]) for layer, name in map(str.split, names)]
    for file in files:
        DAMAGES["empty"](file)
    for _ in files:
        line = go_on(spark, copied)
        if not line:
            break
        assert "\n" not in line
        repair(line, next(file for file in files if str(file) in line), copied, command)
    assert go_on(spark, copied) == ""
