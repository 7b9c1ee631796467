"""Affinity after a hundredth of the users changed: recomputing only theirs, compared with everybody's.

    python benchmarks/incremental.py
    python benchmarks/incremental.py --users 100000 --rounds 5

Each round changes the tastes of every hundredth user: different ones each time, scattered over all files. Then the
job runs as usual and, on the same versions of silver, in full, and their rows are compared. Measured as shipped,
and again with Delta's deletion vectors, which the table does not use because simple readers cannot read them.
Prints medians, writes build/benchmarks/incremental.json.
"""

import argparse
import itertools
import statistics
import time
from typing import Any

from affinity import CONTENT, USERS, count_differing, made_up
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from results import run_alone

from gold import rate_affinity
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import (
    GOLD_AFFINITY,
    SILVER_CONTENT,
    SILVER_USERS,
    Table,
)

GOAL = 0.1
_SHARE = 100


def fill_silver(lake: SparkLakehouse, users: int) -> None:
    people, titles = made_up(users, None)
    lake.overwrite(_as(lake.spark.createDataFrame(titles, CONTENT), SILVER_CONTENT), SILVER_CONTENT)
    lake.ensure(SILVER_USERS)
    for block in iter(lambda: list(itertools.islice(people, 20_000)), []):
        lake.append(_as(lake.spark.createDataFrame(block, USERS), SILVER_USERS), SILVER_USERS)


def change_users(lake: SparkLakehouse, number: int) -> None:
    """Give every hundredth user another user's genres."""
    chosen = F.pmod(F.xxhash64("id"), F.lit(_SHARE)) == number
    lake.delta_table(SILVER_USERS).update(chosen, {"generos": F.array(F.lit(f"genre {number}"))})


def _as(rows: DataFrame, table: Table) -> DataFrame:
    """The rows with the table's columns that they lack: lineage, and empty details."""
    fixed: dict[str, Any] = {"type": "movie", "topic": "topic", "partition": 0, "offset": 0}
    lacking = [field for field in table.schema if field.name not in rows.columns]
    for field in lacking:
        value = F.col("id") if field.name in ("titulo", "nombre_usuario") else F.lit(fixed.get(field.name))
        moment = F.lit("2026-03-01 12:00:00") if field.name.endswith("_timestamp") else value
        rows = rows.withColumn(field.name, moment.cast(field.dataType))
    return rows.select(*table.columns)


def timed(spark: SparkSession, settings: Settings, *, full: bool) -> float:
    started = time.monotonic()
    rate_affinity.run(spark, settings, full=full)
    return time.monotonic() - started


def measure_rounds(spark: SparkSession, settings: Settings, numbers: range) -> dict[str, Any]:
    """Run the rounds, the first of which does not count."""
    lake, table = SparkLakehouse(settings.root, spark), GOLD_AFFINITY
    found: dict[str, Any] = {"changed": [], "full": [], "rows": 0, "differing_rows": 0}
    timed(spark, settings, full=True)
    for number in numbers:
        change_users(lake, number)
        seconds = timed(spark, settings, full=False)
        made = lake.read(table, version=lake.version(table))
        full = timed(spark, settings, full=True)
        rows, differing = count_differing(made, lake.read(table))
        found["rows"] = rows
        found["differing_rows"] += differing
        if number != numbers[0]:
            found["changed"].append(seconds)
            found["full"].append(full)
    return found


def measure(spark: SparkSession, options: argparse.Namespace, folder: str) -> dict[str, Any]:
    settings = load_settings().model_copy(update={"root": folder})
    lake = SparkLakehouse(folder, spark)
    fill_silver(lake, options.users)
    turns = options.rounds + 1
    found = {"as it is": measure_rounds(spark, settings, range(turns))}
    lake.set_properties(GOLD_AFFINITY, {"delta.enableDeletionVectors": "true"})
    found["deletion vectors"] = measure_rounds(spark, settings, range(turns, 2 * turns))
    return {"users": options.users, "ways": found}


def show(found: dict[str, Any]) -> None:
    print(f"{found['users']:,} users, 1 % changed; medians")
    print(f"{'':28}{'rows':>12}{'full s':>10}{'1 % s':>10}{'ratio':>8}  rows that differ")
    for name, way in found["ways"].items():
        full, changed = statistics.median(way["full"]), statistics.median(way["changed"])
        ratio = f"{changed / full:8.2f}"
        print(f"{name:28}{way['rows']:12,}{full:10.1f}{changed:10.1f}{ratio}  {way['differing_rows']}")
    print(f"goal: a ratio of {GOAL}, no row that differs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=20_000, help="users (default 20000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count (default 3)")
    run_alone("incremental", parser.parse_args(), measure, show)


if __name__ == "__main__":
    main()
