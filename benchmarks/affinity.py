"""Affinity ratings as a blocked sparse product, compared with joins and aggregates, and how they scale.

    python benchmarks/affinity.py
    python benchmarks/affinity.py --catalogue netflix_titles.csv

Both rate the same users and titles in alternating runs, and their rows are compared. Then the sparse product alone
rates more and more users. Titles are made up, or from a real catalogue; users are made up, and like the features
of three titles. Prints medians, writes build/benchmarks/affinity.json.
"""

import argparse
import itertools
import json
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from process_tree import Usage
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from results import run_alone

from gold.affinity.cosine import named_features, rate_titles, title_tastes, user_tastes, with_matched
from gold.affinity.features import FeatureWeights
from gold.affinity.title_index import RESOLUTION
from gold.affinity.weights import chosen_weights
from lakehouse.settings import load_settings
from lakehouse.tables import GOLD_AFFINITY
from producers.made_up.entities import movie_records, series_records, user_records
from producers.made_up.population import split_titles
from producers.replay import read_replay

TITLES = 8_807
GOAL_TIMES, GOAL_BYTES = 10, 4 * 1024**3
_SEED = 42
_WARM_UP = 50
_TASTES = "id string, generos array<string>, directores array<string>, actores array<string>, clasificacion string"
USERS, CONTENT = f"{_TASTES}, decadas_favoritas array<string>", f"{_TASTES}, decada_lanzamiento string"


class Timing(NamedTuple):
    seconds: float
    cpu_seconds: float
    peak_bytes: int


def join_titles(
    users: DataFrame, titles: DataFrame, *, weights: FeatureWeights, titles_per_user: int
) -> DataFrame:
    """The rows of gold.affinity.rate_titles, computed by joining the features of users and titles."""
    offered, wanted = title_tastes(titles), user_tastes(users)
    title_features = offered.select("id", F.explode(named_features(weights)).alias("feature"))
    user_features = wanted.select("id", F.explode(named_features(weights)).alias("feature"))
    kinds = F.create_map(*[F.lit(part) for pair in weights._asdict().items() for part in pair])
    having = title_features.groupBy("feature").agg(F.count("*").alias("titles"))
    rarity = F.log((1 + F.lit(offered.count())) / (1 + F.col("titles"))) + 1
    kind = F.substring_index("feature", ":", 1)
    weighed = having.select("feature", (F.element_at(kinds, kind) * rarity).alias("weight"))
    title_vectors = _unit(title_features, weighed).withColumnsRenamed({"id": "content_id", "value": "offered"})
    user_vectors = _unit(user_features, weighed).withColumnsRenamed({"id": "user_id", "value": "wanted"})
    shared = user_vectors.join(title_vectors, on="feature", how="inner")
    cosines = shared.groupBy("user_id", "content_id").agg(
        F.sum(F.col("wanted") * F.col("offered")).alias("cosine")
    )
    scored = cosines.withColumn("score", F.greatest(F.rint(F.col("cosine") * RESOLUTION), F.lit(1.0)))
    best_first = Window.partitionBy("user_id").orderBy(F.desc("score"), "content_id")
    best = scored.withColumn("place", F.row_number().over(best_first)).where(F.col("place") <= titles_per_user)
    rating = F.round(1 + 4 * F.sqrt(F.col("score") / RESOLUTION), 6)
    pairs = best.select("user_id", F.struct("content_id", rating.alias("rating")).alias("match"))
    tastes = wanted.withColumnRenamed("id", "user_id")
    return with_matched(pairs.join(tastes, on="user_id", how="inner"), offered).select(*GOLD_AFFINITY.columns)


def _unit(features: DataFrame, weighed: DataFrame) -> DataFrame:
    """One row per id and known feature: `value` is its weight in a vector of length 1."""
    known = features.join(weighed, on="feature", how="inner")
    length = F.sqrt(F.sum(F.col("weight") * F.col("weight")).over(Window.partitionBy("id")))
    return known.select("id", "feature", (F.col("weight") / length).alias("value"))


def made_up(users: int, catalogue: Path | None) -> tuple[Iterator[tuple[Any, ...]], list[tuple[Any, ...]]]:
    if catalogue is None:
        movies, series = split_titles(TITLES)
        records = itertools.chain(movie_records(_SEED, movies), series_records(_SEED, series))
        people = (json.loads(record.value or b"") for record in user_records(_SEED, users))
        return (_row(fields, "decadas_favoritas") for fields in people), _content(records)
    replay = read_replay(catalogue, None)
    titles = _content(itertools.chain(replay.movies, replay.series))
    return _fans(titles, users), titles


def _content(records: Iterable[Any]) -> list[tuple[Any, ...]]:
    return [_row(json.loads(record.value), "decada_lanzamiento") for record in records]


def _row(fields: dict[str, Any], decade: str) -> tuple[Any, ...]:
    lists = [fields.get(name) or [] for name in ("generos", "directores", "actores")]
    return (fields["id"], *lists, fields.get("clasificacion"), fields.get(decade))


def _fans(titles: list[tuple[Any, ...]], users: int) -> Iterator[tuple[Any, ...]]:
    """Each user likes the features of three titles: their genres, directors, first two actors, and decades."""
    rng = np.random.default_rng(_SEED)
    for number in range(users):
        liked = [titles[place] for place in rng.integers(0, len(titles), 3)]
        genres, directors, actors = (
            list(dict.fromkeys(value for title in liked for value in title[column][:most]))
            for column, most in ((1, 3), (2, 1), (3, 2))
        )
        decades = list(dict.fromkeys(title[5] for title in liked if title[5]))
        yield (f"u{number:06}", genres, directors, actors, liked[0][4], decades)


def timed(rows: DataFrame) -> Timing:
    with Usage() as usage:
        started = time.monotonic()
        rows.write.format("noop").mode("overwrite").save()
        seconds = time.monotonic() - started
    return Timing(seconds, usage.cpu_seconds, usage.peak_bytes)


def compare(ways: dict[str, Callable[[int], DataFrame]], users: int, rounds: int) -> dict[str, list[Timing]]:
    """The timings of each round. Each way first compiles on a few users; then they alternate in going first."""
    for way in ways.values():
        timed(way(_WARM_UP))
    timings: dict[str, list[Timing]] = {name: [] for name in ways}
    for number in range(rounds):
        names = list(ways) if number % 2 == 0 else list(ways)[::-1]
        for name in names:
            timings[name].append(timed(ways[name](users)))
    return timings


def count_differing(one: DataFrame, other: DataFrame) -> tuple[int, int]:
    """The number of rows of the first, and of rows that only one of the two has."""
    one, other = one.persist(), other.persist()
    try:
        return one.count(), one.exceptAll(other).count() + other.exceptAll(one).count()
    finally:
        one.unpersist()
        other.unpersist()


def measure(spark: SparkSession, options: argparse.Namespace, folder: str) -> dict[str, Any]:
    settings = load_settings()
    weights, kept = chosen_weights(settings.gold.affinity), settings.gold.affinity.titles_per_user
    partitions = int(spark.conf.get("spark.sql.shuffle.partitions") or 1)
    users, titles = made_up(max(options.growth), options.catalogue)
    content = spark.createDataFrame(titles, CONTENT)
    content.write.parquet(f"{folder}/content")
    content = spark.read.parquet(f"{folder}/content")
    for number, block in enumerate(iter(lambda: list(itertools.islice(users, 20_000)), [])):
        spark.createDataFrame(block, USERS).write.parquet(f"{folder}/users/part={number}")
    everyone = spark.read.parquet(f"{folder}/users").drop("part")

    def first(count: int) -> DataFrame:
        path = f"{folder}/first-{count}"
        if not Path(path).exists():
            everyone.orderBy("id").limit(count).write.parquet(path)
        return spark.read.parquet(path)

    def in_blocks(count: int) -> DataFrame:
        return rate_titles(first(count), content, weights=weights, titles_per_user=kept, partitions=partitions)

    def by_joins(count: int) -> DataFrame:
        return join_titles(first(count), content, weights=weights, titles_per_user=kept)

    timings = compare({"blocks": in_blocks, "joins": by_joins}, options.users, options.rounds)
    growth = {count: timed(in_blocks(count)) for count in options.growth}
    rows, differing = count_differing(in_blocks(options.users), by_joins(options.users))
    return {
        "titles": len(titles),
        "compared_users": options.users,
        "timings": {name: [timing._asdict() for timing in turns] for name, turns in timings.items()},
        "rows": rows,
        "differing_rows": differing,
        "growth": {str(count): timing._asdict() for count, timing in growth.items()},
    }


def show(found: dict[str, Any]) -> None:
    print(f"{found['compared_users']:,} users x {found['titles']:,} titles, medians")
    print(f"{'way':>10}{'seconds':>10}{'CPU s':>10}{'peak MB':>10}")
    medians = {}
    for name, turns in found["timings"].items():
        medians[name] = Timing(*(statistics.median(turn[field] for turn in turns) for field in Timing._fields))
        _line(name, medians[name])
    blocks, joins = medians["blocks"], medians["joins"]
    times, cpu = joins.seconds / blocks.seconds, joins.cpu_seconds / blocks.cpu_seconds
    print(f"{times:.1f} times faster (goal: {GOAL_TIMES}), {cpu:.1f} times less processor time")
    print(f"{found['differing_rows']} of {found['rows']:,} rows differ")
    print(f"{'users':>10}{'seconds':>10}{'CPU s':>10}{'peak MB':>10}{'CPU ms/user':>14}")
    for count, fields in found["growth"].items():
        timing = Timing(**fields)
        _line(f"{int(count):,}", timing, f"{timing.cpu_seconds / int(count) * 1000:14.3f}")
    print(f"goal: linear, under {GOAL_BYTES / 1024**2:.0f} MB")


def _line(name: str, timing: Timing, more: str = "") -> None:
    print(f"{name:>10}{timing.seconds:10.2f}{timing.cpu_seconds:10.2f}{timing.peak_bytes / 1024**2:10.0f}{more}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--catalogue", type=Path, metavar="CSV", help="a real catalogue, as netflix_titles.csv")
    parser.add_argument("--users", type=int, default=2_000, help="users that both ways rate (default 2000)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of both ways (default 3)")
    parser.add_argument(
        "--growth", type=int, nargs="+", default=[20_000, 50_000, 100_000, 200_000], metavar="USERS"
    )
    run_alone("affinity", parser.parse_args(), measure, show)


if __name__ == "__main__":
    main()
