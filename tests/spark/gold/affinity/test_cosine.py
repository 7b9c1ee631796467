"""Which titles fit which users, and how well."""

import math

import pytest
from pyspark.sql import DataFrame, SparkSession

from gold.affinity.cosine import rate_titles
from gold.affinity.features import FeatureWeights
from tests.support.frames import assert_df_equality

TASTES = "id string, generos array<string>, directores array<string>, actores array<string>, clasificacion string"
USERS = f"{TASTES}, decadas_favoritas array<string>"
TITLES = f"{TASTES}, decada_lanzamiento string"
EQUAL = FeatureWeights(genre=1, director=1, actor=1, rating=1, decade=1)

User = tuple[str, list[str], list[str], list[str], str | None, list[str]]
Title = tuple[str, list[str], list[str], list[str], str | None, str | None]


def rate(
    spark: SparkSession,
    users: list[User],
    titles: list[Title],
    *,
    weights: FeatureWeights = EQUAL,
    titles_per_user: int = 100,
    partitions: int = 2,
) -> DataFrame:
    return rate_titles(
        spark.createDataFrame(users, USERS),
        spark.createDataFrame(titles, TITLES),
        weights=weights,
        titles_per_user=titles_per_user,
        partitions=partitions,
    )


def ratings(rated: DataFrame) -> dict[tuple[str, str], float]:
    return {(row["user_id"], row["content_id"]): row["rating"] for row in rated.collect()}


def test_rating_is_the_root_of_the_cosine_from_1_to_5(spark: SparkSession) -> None:
    user: User = ("u", ["Drama"], [], [], None, [])
    titles: list[Title] = [
        ("all", ["Drama"], [], [], None, None),  # only what the user likes: the top of the scale
        ("half", ["Drama"], ["Nolan"], [], None, None),
    ]
    # idf: Drama is in 2 of 2 titles, ln(3/3) + 1; Nolan in 1 of 2, ln(3/2) + 1
    drama, nolan = 1.0, math.log(3 / 2) + 1
    half = 1 + 4 * math.sqrt(drama / math.hypot(drama, nolan))
    assert ratings(rate(spark, [user], titles)) == {
        ("u", "all"): 5.0,
        ("u", "half"): pytest.approx(half, abs=2e-6),
    }


def test_a_shared_rare_actor_beats_a_shared_common_genre(spark: SparkSession) -> None:
    user: User = ("u", ["Drama"], [], ["Rare"], None, [])
    common: list[Title] = [(f"drama{n}", ["Drama"], [], ["Other"], None, None) for n in range(8)]
    rare: Title = ("rare", ["Comedy"], [], ["Rare"], None, None)
    rated = ratings(rate(spark, [user], [*common, rare]))
    assert rated["u", "rare"] > max(rated["u", f"drama{n}"] for n in range(8))


@pytest.mark.parametrize(
    ("user", "title", "shared"),
    [
        (("u", ["G"], [], [], None, []), ("t", ["G"], [], [], None, None), (["G"], [], [], None, None)),
        (("u", [], ["D"], [], None, []), ("t", [], ["D"], [], None, None), ([], ["D"], [], None, None)),
        (("u", [], [], ["A"], None, []), ("t", [], [], ["A"], None, None), ([], [], ["A"], None, None)),
        (("u", [], [], [], "PG", []), ("t", [], [], [], "PG", None), ([], [], [], "PG", None)),
        (("u", [], [], [], None, ["1990s"]), ("t", [], [], [], None, "1990s"), ([], [], [], None, "1990s")),
    ],
    ids=["genre", "director", "actor", "rating", "decade"],
)
def test_one_shared_feature_of_each_kind_is_enough(
    spark: SparkSession, user: User, title: Title, shared: tuple[object, ...]
) -> None:
    matched = "struct<generos:array<string>,directores:array<string>,actores:array<string>,"
    schema = (
        f"user_id string, content_id string, rating double, matched {matched}clasificacion:string,decada:string>"
    )
    expected = spark.createDataFrame([("u", "t", 5.0, shared)], schema)
    assert_df_equality(rate(spark, [user], [title]), expected, ignore_nullable=True)


def test_nothing_shared_gives_no_row(spark: SparkSession) -> None:
    users: list[User] = [
        ("other", ["Drama"], [], [], "PG", ["1990s"]),  # has tastes, but none of this title's
        ("none", [], [], [], None, []),  # has no tastes
        ("name", [], ["Allen"], [], None, []),  # the director's name, but the title has it as an actor
    ]
    title: Title = ("t", ["Comedy"], [], ["Allen"], None, None)
    assert rate(spark, users, [title]).count() == 0


def test_a_kind_without_weight_makes_no_match(spark: SparkSession) -> None:
    user: User = ("u", ["Drama"], [], [], "PG", [])
    titles: list[Title] = [("g", ["Drama"], [], [], None, None), ("r", ["Comedy"], [], [], "PG", None)]
    assert ratings(rate(spark, [user], titles, weights=EQUAL._replace(rating=0))) == {("u", "g"): 5.0}
    nothing = FeatureWeights(0, 0, 0, 0, 0)
    assert ratings(rate(spark, [user], titles, weights=nothing)) == {}


def test_only_the_best_titles_are_kept_and_ties_go_by_id(spark: SparkSession) -> None:
    user: User = ("u", ["Drama"], [], ["Ana"], None, [])
    tied: list[Title] = [(f"tied{n}", ["Drama"], [], [], None, None) for n in (3, 1, 2)]
    best: Title = ("z-best", ["Drama"], [], ["Ana"], None, None)  # last by id, and still in first place
    rated = rate(spark, [user], [*tied, best], titles_per_user=3)
    assert [row["content_id"] for row in rated.collect()] == ["z-best", "tied1", "tied2"]


def test_ids_that_come_twice_do_not_multiply_rows(spark: SparkSession) -> None:
    user: User = ("u", ["Drama"], [], [], None, [])
    title: Title = ("t", ["Drama"], [], [], None, None)
    assert ratings(rate(spark, [user, user], [title, title])) == {("u", "t"): 5.0}
    assert rate(spark, [user, user], [title, title]).count() == 1


def test_values_that_come_twice_count_once(spark: SparkSession) -> None:
    user: User = ("u", ["Drama", "Drama"], [], [], None, [])
    titles: list[Title] = [
        ("t", ["Drama", "Comedy", "Drama"], [], [], None, None),
        ("o", ["Comedy"], [], [], None, None),
    ]
    once: list[Title] = [("t", ["Drama", "Comedy"], [], [], None, None), titles[1]]
    assert ratings(rate(spark, [user], titles)) == ratings(rate(spark, [user], once))


def test_tastes_that_no_title_has_change_nothing(spark: SparkSession) -> None:
    titles: list[Title] = [("t", ["Drama"], ["D"], [], None, None), ("s", ["Comedy"], [], [], "PG", None)]
    plain = rate(spark, [("u", ["Drama"], [], [], None, [])], titles)
    exotic = rate(spark, [("u", ["Drama"], ["Nobody"], ["No one"], None, ["1870s"])], titles)
    assert ratings(plain) == ratings(exotic)


@pytest.mark.parametrize("partitions", [1, 5])
def test_rows_do_not_depend_on_order_or_partitions(spark: SparkSession, partitions: int) -> None:
    users: list[User] = [(f"u{n:02}", [f"g{n % 3}"], [], [f"a{n % 7}"], "PG", ["1990s"]) for n in range(20)]
    titles: list[Title] = [(f"t{n:02}", [f"g{n % 4}"], [f"d{n}"], [f"a{n % 5}"], "PG", "1990s") for n in range(30)]
    expected = rate(spark, users, titles, titles_per_user=7)
    got = rate(spark, users[::-1], titles[::-1], titles_per_user=7, partitions=partitions)
    assert got.count() == 20 * 7
    assert_df_equality(got, expected, ignore_row_order=True)
    assert all(1.0 <= rating <= 5.0 for rating in ratings(got).values())


@pytest.mark.parametrize(
    ("users", "titles"),
    [
        ([], [("t", ["Drama"], [], [], None, None)]),
        ([("u", ["Drama"], [], [], None, [])], []),
        ([("u", ["Drama"], [], [], None, [])], [("t", [], [], [], None, None)]),
    ],
    ids=["no users", "no titles", "titles without features"],
)
def test_nothing_to_compare_gives_an_empty_table(
    spark: SparkSession, users: list[User], titles: list[Title]
) -> None:
    assert rate(spark, users, titles).collect() == []
