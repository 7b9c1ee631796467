"""Affinity after a hundredth of the users changed: recomputing only theirs, compared with everybody's.

    python benchmarks/incremental.py
    python benchmarks/incremental.py --users 100000 --rounds 5

Each round changes the tastes of every hundredth user: different ones each time, scattered over all files. Then the
job runs as usual and, on the same versions of silver, in full, and their rows are compared. Prints medians of the
seconds and the processor seconds, writes build/benchmarks/incremental.json.
"""

import argparse
import itertools
import statistics
import time
from typing import Any

from affinity import CONTENT, USERS, count_differing, made_up
from process_tree import Usage
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

GOAL = 0.2
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


def timed(spark: SparkSession, settings: Settings, *, full: bool) -> tuple[float, float]:
    """The seconds and the processor seconds of one run."""
    with Usage() as usage:
        started = time.monotonic()
        rate_affinity.run(spark, settings, full=full)
        took = time.monotonic() - started
    return took, usage.cpu_seconds


def measure(spark: SparkSession, options: argparse.Namespace, folder: str) -> dict[str, Any]:
    """Run the rounds, the first of which does not count."""
    settings = load_settings().model_copy(update={"root": folder})
    lake, table = SparkLakehouse(folder, spark), GOLD_AFFINITY
    fill_silver(lake, options.users)
    found: dict[str, Any] = {"users": options.users, "changed": [], "full": [], "rows": 0, "differing_rows": 0}
    timed(spark, settings, full=True)
    for number in range(options.rounds + 1):
        change_users(lake, number)
        changed = timed(spark, settings, full=False)
        made = lake.read(table, version=lake.version(table))
        full = timed(spark, settings, full=True)
        rows, differing = count_differing(made, lake.read(table))
        found["rows"] = rows
        found["differing_rows"] += differing
        if number:
            found["changed"].append(changed)
            found["full"].append(full)
    return found


def show(found: dict[str, Any]) -> None:
    print(
        f"{found['users']:,} users, 1 % changed; medians; {found['rows']:,} rows, {found['differing_rows']} differ"
    )
    print(f"{'':20}{'full':>10}{'1 %':>10}{'ratio':>8}")
    for place, unit in enumerate(("seconds", "processor seconds")):
        full, changed = (statistics.median(run[place] for run in found[way]) for way in ("full", "changed"))
        print(f"{unit:20}{full:10.1f}{changed:10.1f}{changed / full:8.2f}")
    print(f"goal: a ratio of {GOAL}, no row that differs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=20_000, help="users (default 20000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count (default 3)")
    run_alone("incremental", parser.parse_args(), measure, show)


if __name__ == "__main__":
    main()
