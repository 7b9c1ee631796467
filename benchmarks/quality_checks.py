"""The cost of suites, compared with one hand-written aggregate per table over the same columns.

    python benchmarks/quality_checks.py --rows 1000000 --runs 3

Writes silver and gold tables in which silver.feedback has `--rows` rows, and gold.affinity_ratings and
gold.recommendations that many together, then measures both in alternating order, for silver.feedback alone and
for all tables. The aggregate computes the row count, nulls, minimum and maximum of every column, and the distinct
keys. Prints medians in wall-clock and processor seconds (which other programs disturb less), and writes
build/benchmarks/quality_checks.json.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, MapType, StructType
from results import write_results

from lakehouse.history.acceptance import GATED
from lakehouse.settings import Settings, load_settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.spark.session import spark_session
from lakehouse.tables import (
    GOLD_AFFINITY,
    GOLD_METRICS,
    GOLD_POPULARITY,
    GOLD_POWERBI,
    GOLD_RECOMMENDATIONS,
    SILVER_BATCHES,
    SILVER_CONTENT,
    SILVER_FEEDBACK,
    SILVER_QUARANTINE,
    SILVER_TOMBSTONES,
    SILVER_USERS,
    Table,
)

GOAL = 3.0
LISTED = 10
PROVENANCE = (
    "TIMESTAMP '2026-03-01' event_timestamp",
    "TIMESTAMP '2026-03-01' kafka_timestamp",
    "'t' topic",
    "0 partition",
    "id offset",
)
TASTES = (
    "array(element_at(array('Drama', 'Comedia', 'Terror', 'Acción'), int(id % 4 + 1))) generos",
    "array('Directora') directores",
    "array('Actor') actores",
    "'PG-13' clasificacion",
)


Filled = list[tuple[Table, DataFrame]]
Figures = dict[str, list[tuple[float, float]]]  # by way, the wall-clock and processor seconds of each run


def fill(lake: SparkLakehouse, rows: int) -> tuple[Table, ...]:
    """Write all the tables; returns those with rows."""
    users, titles = rows // 2 // LISTED, 5_000
    gold = gold_rows(lake.spark, users, titles)
    inputs = {"silver.users": 1, "silver.content": 1, "silver.feedback": 1, "gold.recommendations": 1}
    for table, frame in (*silver_rows(lake.spark, users, titles, rows), *gold):
        typed = frame.select(*[F.col(f"`{field.name}`").cast(field.dataType) for field in table.schema])
        lake.overwrite(typed, table, input_versions=inputs)
    for table in (SILVER_TOMBSTONES, SILVER_QUARANTINE):
        lake.ensure(table)
    return (*GATED["silver"], *[table for table, _ in gold])


def silver_rows(spark: SparkSession, users: int, titles: int, feedback: int) -> Filled:
    action = "element_at(array('rating', 'view', 'like', 'dislike'), int(id % 4 + 1))"
    events = users + titles + feedback
    return [
        (
            SILVER_USERS,
            spark.range(users).selectExpr(
                "concat('u', id) id",
                "concat('Nombre ', id) nombre_usuario",
                "DATE '2020-01-01' fecha_suscripcion",
                *TASTES,
                "array('1990s') decadas_favoritas",
                *PROVENANCE,
            ),
        ),
        (
            SILVER_CONTENT,
            spark.range(titles).selectExpr(
                "concat('t', id) id",
                "'series' type",
                "concat('Título ', id) titulo",
                *TASTES,
                "'1990s' decada_lanzamiento",
                "1 numero_temporadas",
                "10 numero_episodios",
                *PROVENANCE,
            ),
        ),
        (
            SILVER_BATCHES,
            spark.range(1).selectExpr(
                "'stream' query_id",
                "0 batch_id",
                f"{events} rows_in",
                f"{events} applied",
                "0 superseded",
                "0 deleted",
                "0 quarantined",
                "array() records",
                "map() bronze_versions",
                "map() silver_versions",
                "array() unknown_fields",
                "TIMESTAMP '2026-03-01' finished_at",
            ),
        ),
        (
            SILVER_FEEDBACK,
            spark.range(feedback).selectExpr(
                "concat('f', id) id",
                f"concat('u', id % {users}) user_id",
                f"concat('t', id % {titles}) content_id",
                f"{action} action",
                "CASE WHEN id % 4 = 0 THEN 0.5 + (id % 10) / 2D END rating",
                "CASE WHEN id % 4 = 1 THEN int(id % 7200) END seconds_watched",
                *PROVENANCE,
            ),
        ),
    ]


def gold_rows(spark: SparkSession, users: int, titles: int) -> Filled:
    pairs = spark.range(users * LISTED).selectExpr(
        f"concat('u', id div {LISTED}) user_id",
        f"concat('t', (id * 7 + id div {LISTED}) % {titles}) content_id",
        "id",
    )
    rating = f"5.0 - (id % {LISTED}) * 0.25"
    return [
        (GOLD_AFFINITY, pairs.selectExpr("user_id", "content_id", f"double({rating}) rating", _matched())),
        (
            GOLD_RECOMMENDATIONS,
            pairs.selectExpr(
                "user_id",
                "content_id",
                f"int(id % {LISTED} + 1) rank",
                f"double({rating}) predicted_rating",
                "'als' source",
                "'als-1' model_version",
            ),
        ),
        (
            GOLD_POPULARITY,
            spark.range(titles).selectExpr(
                "concat('t', id) content_id",
                "DATE '2026-03-01' day",
                "1L views",
                "60L seconds_watched",
                "0L likes",
                "0L dislikes",
                "1L ratings",
                "3.5D mean_rating",
                "2L trend",
            ),
        ),
        (
            GOLD_METRICS,
            spark.range(1).selectExpr(
                "'als-1' model_version",
                "'blend' model",
                "'rmse' metric",
                "0.5D value",
                "0.6D baseline",
                "cast(map() AS map<string, bigint>) input_versions",
            ),
        ),
        (
            GOLD_POWERBI,
            pairs.selectExpr(
                "user_id userId",
                "content_id recommended_content",
                "'Título' titulo",
                f"double({rating}) predicted_rating",
            ),
        ),
    ]


def _matched() -> str:
    empty = "cast(array() AS array<string>)"
    return (
        f"named_struct('generos', {empty}, 'directores', {empty}, 'actores', {empty}, "
        "'clasificacion', string(null), 'decada', string(null)) matched"
    )


def aggregate(lake: SparkLakehouse, tables: tuple[Table, ...]) -> None:
    """The reference: the obvious hand-written query for the same facts about the columns."""
    for table in tables:
        rows = lake.read(table)
        nested = (ArrayType, MapType, StructType)
        plain = [field.name for field in table.schema if not isinstance(field.dataType, nested)]
        rows.agg(
            F.count("*"),
            F.count_distinct(*[f"`{name}`" for name in table.key]),
            *[F.count_if(F.col(f"`{name}`").isNull()) for name in table.columns],
            *[F.min(f"`{name}`") for name in plain],
            *[F.max(f"`{name}`") for name in plain],
        ).collect()


def check_all(spark: SparkSession, settings: Settings, tables: tuple[Table, ...]) -> None:
    from quality.checking import check

    run = check(settings, tables, session=lambda: spark)
    if run.exit_code:
        sys.exit("the suites did not pass: " + "; ".join(result.line() for result in (*run.errors, *run.failed)))


def measured(work: Callable[[], None]) -> tuple[float, float]:
    """Wall-clock seconds, and processor seconds of this process and its JVM."""
    clock, processors = time.monotonic(), processor_seconds()
    work()
    return time.monotonic() - clock, processor_seconds() - processors


def processor_seconds() -> float:
    own, ticks = os.getpid(), 0
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if own in (int(entry.parent.name), int(fields[1])):
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def compared(spark: SparkSession, settings: Settings, tables: tuple[Table, ...], *, runs: int) -> Figures:
    """The figures of each run, of the suites of these tables and of the aggregates."""
    lake = SparkLakehouse(settings.root, spark)
    works = {
        "suites": lambda: check_all(spark, settings, tables),
        "aggregate": lambda: aggregate(lake, tables),
    }
    figures: Figures = {name: [] for name in works}
    for run in range(runs + 1):
        for name in sorted(works, reverse=bool(run % 2)):
            found = measured(works[name])
            if run:  # the first of each loads and compiles
                figures[name].append(found)
    return figures


def show(figures: dict[str, Figures]) -> None:
    print(f"{'':28}{'clock s':>10}{'CPU s':>10}")
    for scope, ways in figures.items():
        medians = {
            way: [statistics.median(column) for column in zip(*runs, strict=True)] for way, runs in ways.items()
        }
        for way, (clock, processors) in medians.items():
            print(f"{scope:16}{way:12}{clock:10.1f}{processors:10.1f}")
        ratios = [one / other for one, other in zip(medians["suites"], medians["aggregate"], strict=True)]
        print(f"{scope:16}{'ratio':12}{ratios[0]:10.2f}{ratios[1]:10.2f}   goal: at most {GOAL:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as root, spark_session("benchmark") as spark:
        settings = load_settings().model_copy(update={"root": root})
        tables = fill(SparkLakehouse(root, spark), args.rows)
        figures = {
            "silver.feedback": compared(spark, settings, (SILVER_FEEDBACK,), runs=args.runs),
            "all tables": compared(spark, settings, tables, runs=args.runs),
        }
    show(figures)
    write_results("quality_checks", {"rows": args.rows, "runs": figures})


if __name__ == "__main__":
    main()
