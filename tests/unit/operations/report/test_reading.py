"""What the report reads: a small lakehouse of known rows, each number on the page computed by hand."""

import datetime as dt
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from lakehouse.errors import TableError
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import (
    BRONZE_EVENTS,
    GOLD_METRICS,
    GOLD_POPULARITY,
    GOLD_RECOMMENDATIONS,
    QUALITY_RESULTS,
    SILVER_BATCHES,
    SILVER_CONTENT,
    SILVER_FEEDBACK,
    SILVER_QUARANTINE,
    SILVER_USERS,
)
from operations.report import collection
from operations.report.contents import (
    Batch,
    Flow,
    ModelQuality,
    Period,
    Recommendation,
    Rejections,
    Report,
    UserGroup,
    UserList,
)
from operations.report.genres import read_genres
from operations.report.lists import read_lists
from operations.report.pinned_tables import pin_tables, read_flow
from operations.report.popularity import fill_periods, read_popularity, start_of, unit_for
from operations.report.quality import EXPECTED, read_checks, read_quality
from operations.report.rejections import read_rejections
from operations.report.streams import read_streams
from tests.support.delta_tables import arrow_rows, write_rows
from tests.support.folders import AWKWARD
from tests.support.records import bronze_row

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
NONE: list[str] = []
MODEL = "als-1"


def source(number: int) -> tuple[object, ...]:
    return (NOON, NOON, "topic", 0, number)


def user(
    number: int, clasificacion: str | None, decades: list[str], subscribed: dt.date | None
) -> tuple[object, ...]:
    name = f"U{number}"
    return (f"u{number}", name, subscribed, NONE, NONE, NONE, clasificacion, decades, *source(number))


def title(number: int, genres: list[str]) -> tuple[object, ...]:
    about = (None, None, None, None)
    return (f"t{number}", "movie", f"Title {number}", genres, NONE, NONE, *about, *source(number))


def event(number: int, user_id: str, content_id: str, action: str = "like") -> tuple[object, ...]:
    return (f"f{number}", user_id, content_id, action, None, None, *source(number))


USERS = [
    user(1, "PG", ["1990s", "2000s"], dt.date(2020, 5, 1)),  # in the groups of both decades
    user(2, "R", NONE, None),  # without a decade and a day
    user(3, None, ["1990s"], dt.date(2021, 5, 1)),
]
TITLES = [title(1, ["Drama", "Comedia"]), title(2, ["Drama"]), title(3, NONE)]
EVENTS = [
    event(1, "u1", "t1"),
    event(2, "u1", "t2", "view"),
    event(3, "u2", "t1"),
    event(4, "u2", "t3"),  # a title without genres counts in the total that shares refer to
    event(5, "u2", "t2", "dislike"),  # left out
    event(6, "u3", "gone"),  # for a title that silver does not have: left out
    event(7, "u3", "t2"),
]


def quarantined(
    offset: int, value: str | bytes | None, *reasons: tuple[str, str, str], status: str = "open"
) -> Any:
    text, raw = (None, value) if isinstance(value, bytes) else (value, None)
    at = NOON + dt.timedelta(minutes=offset)
    return ("topic", 0, offset, at, "k", None, text, raw, None, None, list(reasons), NOON, status, None)


QUARANTINE = [
    quarantined(1, "{", ("not_json_object", "value", "{")),
    quarantined(2, "[" * 1000, ("not_json_object", "value", "[1]"), status="resolved"),
    # breaks one rule in two fields: counts once, and the first field is shown
    quarantined(3, "{}", ("field_wrong_type", "generos", "x"), ("field_wrong_type", "actores", "y")),
    quarantined(4, b"se\xf1al", ("not_utf8", "value", "se?al"), ("not_json_object", "value", "z")),
]


def batch(number: int, bronze: int, finished: dt.datetime) -> tuple[object, ...]:
    """5 records in, one with each outcome, except that two were applied."""
    counts = (5, 2, 1, 1, 1)
    return ("q", number, *counts, [], {"bronze.events": bronze}, {}, [], finished)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A lakehouse with every table that the report reads. Read-only."""
    root = str(tmp_path_factory.mktemp("report") / "lakehouse")
    write_rows(root, BRONZE_EVENTS, [])
    for offset in (0, 1):  # versions 1 and 2 of bronze
        write_rows(root, BRONZE_EVENTS, [bronze_row("{}", offset=offset)])
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    write_rows(root, SILVER_USERS, USERS)
    write_rows(root, SILVER_CONTENT, TITLES)
    write_rows(root, SILVER_FEEDBACK, EVENTS)
    write_rows(root, SILVER_QUARANTINE, QUARANTINE)
    write_rows(root, SILVER_BATCHES, [batch(0, 1, soon), batch(1, 2, soon + dt.timedelta(minutes=1))])
    lists = [("u1", "t3", 2, 3.0, "als"), ("u1", "gone", 1, 4.0, "als"), ("u2", "t1", 1, 2.5, "popularity")]
    write_rows(root, GOLD_RECOMMENDATIONS, [(*row, MODEL) for row in [*lists, ("u9", "t1", 1, 1.0, "affinity")]])
    popular = [
        ("t1", dt.date(2026, 3, 1), 1, 60, 2, 0, 1, 4.0, 3),
        ("t1", dt.date(2026, 3, 3), 0, 0, 0, 0, 3, 2.0, 3),
        ("t2", dt.date(2026, 3, 1), 0, 0, 0, 1, 0, None, 1),
        ("gone", dt.date(2026, 3, 1), 1, 5, 0, 0, 0, None, 1),
    ]
    rows = arrow_rows(GOLD_POPULARITY, popular)
    Lakehouse(root).overwrite(GOLD_POPULARITY, rows, input_versions={SILVER_FEEDBACK.sql_name: 0})
    metrics = [
        (MODEL, "blend", "rmse", 0.9, 1.2),
        (MODEL, "blend", "test_ratings", 50.0, None),
        (MODEL, "mean", "rmse", 1.2, 1.2),
        ("als-0", "blend", "rmse", 0.1, 0.2),
    ]
    write_rows(root, GOLD_METRICS, [(*row, {}) for row in metrics])
    return root


@pytest.fixture(scope="module")
def report(root: str, tmp_path_factory: pytest.TempPathFactory) -> Report:
    progress = tmp_path_factory.mktemp("ops") / "stream_progress.jsonl"
    lines = [progress_line("bronze.events", rows, seconds=2.0, lag=lag) for rows, lag in ((10, 5), (30, 0))]
    progress.write_text("".join([*lines, progress_line("silver", 40, seconds=4.0, lag=None), '{"cut']))
    return read_report(root, progress)


def read_report(root: str, progress: Path) -> Report:
    return collection.collect_report(Lakehouse(root), progress, users=2, samples_per_rule=2, made_at=NOON)


def progress_line(stream: str, rows: int, *, seconds: float, lag: int | None) -> str:
    line = {
        "logged_at": "2026-03-01T12:00:00.000+00:00",
        "stream": stream,
        "rows": rows,
        "durations_ms": {"addBatch": 1, "triggerExecution": seconds * 1000},
        "kafka_lag": lag,
    }
    return json.dumps(line) + "\n"


def test_every_table_is_shown_with_its_version_and_rows(report: Report) -> None:
    states = {table.name: (table.version, table.rows, dict(table.inputs)) for table in report.tables}
    assert states == {
        "bronze.events": (2, 2, {}),
        "silver.users": (0, 3, {}),
        "silver.content": (0, 3, {}),
        "silver.feedback": (0, 7, {}),
        "silver.quarantine": (0, 4, {}),
        "silver.batches": (0, 2, {}),
        "gold.recommendations": (0, 4, {}),
        "gold.content_popularity": (1, 4, {"silver.feedback": 0}),
        "gold.model_metrics": (0, 4, {}),
    }
    assert all(table.written_at is not None for table in report.tables)
    assert [table.row for table in report.tables if table.name == "silver.users"] == [SILVER_USERS.row]


def test_the_report_asks_the_lakehouse_where_its_tables_are(root: str, tmp_path: Path) -> None:
    """The root is an address that has to be encoded: a path joined by hand is another place, or none."""
    folder, progress = tmp_path / AWKWARD, tmp_path / "none"
    shutil.copytree(root, folder)
    assert read_report(f"file://{folder}", progress) == read_report(str(folder), progress)


def test_the_flow_adds_up_all_batches(report: Report) -> None:
    assert report.flow == Flow(batches=2, taken=10, applied=4, superseded=2, deleted=2, quarantined=2)


def test_rejected_records_by_rule_with_the_newest_samples(report: Report) -> None:
    found = report.rejections
    assert found is not None
    assert (found.records, found.waiting) == (4, 3)
    assert [(rule.rule, rule.records) for rule in found.rules] == [
        ("not_json_object", 3),
        ("field_wrong_type", 1),
        ("not_utf8", 1),
    ]
    by_rule = {
        rule.rule: [(one.offset, one.field, one.value, one.record) for one in rule.samples] for rule in found.rules
    }
    assert by_rule == {
        "not_json_object": [(4, "value", "z", "se\\xf1al"), (2, "value", "[1]", "[" * 600)],
        "field_wrong_type": [(3, "generos", "x", "{}")],
        "not_utf8": [(4, "value", "se?al", "se\\xf1al")],  # the invalid byte stays recognisable
    }
    assert [one.missing for one in found.rules[0].samples] == [0, 400]
    assert found.rules[0].samples[0].kafka_timestamp == NOON + dt.timedelta(minutes=4)


def test_streams_with_their_batches_and_silver_with_its_delay(report: Report) -> None:
    assert report.streams is not None
    bronze, silver = report.streams.streams
    assert (bronze.name, bronze.batches, bronze.rows, bronze.seconds) == ("bronze.events", 2, 40, 4.0)
    assert bronze.latest == (Batch(NOON, 10, 2.0, 5), Batch(NOON, 30, 2.0, 0))
    assert bronze.delays == ()
    assert silver.name == "silver"
    # both batches of silver end an hour after bronze was written, the second another minute later
    assert len(silver.delays) == 2
    assert all(3500 < delay < 3700 for delay in silver.delays)
    assert report.streams.unreadable == 1


def test_popularity_by_day_with_the_days_between(report: Report) -> None:
    found = report.popularity
    assert found is not None
    assert (found.unit, found.first_day, found.last_day) == ("day", dt.date(2026, 3, 1), dt.date(2026, 3, 3))
    assert found.periods == (
        Period(dt.date(2026, 3, 1), views=2, likes=2, dislikes=1, ratings=1),
        Period(dt.date(2026, 3, 2), views=0, likes=0, dislikes=0, ratings=0),
        Period(dt.date(2026, 3, 3), views=0, likes=0, dislikes=0, ratings=3),
    )
    assert [tuple(one) for one in found.titles] == [
        ("t1", "Title 1", "movie", 7, 2.5, (4, 0, 3)),  # (1 * 4.0 + 3 * 2.0) / 4
        ("gone", "gone", "", 1, None, (1, 0, 0)),  # no name in silver: shown by its id
        ("t2", "Title 2", "movie", 1, None, (1, 0, 0)),
    ]


def test_genres_by_group_of_users(report: Report) -> None:
    by_name = {grouping.name: grouping for grouping in report.genres}
    assert list(by_name) == ["clasificacion", "decada", "suscripcion"]
    assert by_name["clasificacion"].genres == ("Drama", "Comedia")
    assert by_name["clasificacion"].groups == (
        UserGroup("PG", users=1, events=2, shares=(1.0, 0.5)),
        UserGroup("R", users=1, events=2, shares=(0.5, 0.5)),
        UserGroup(None, users=1, events=1, shares=(1.0, 0.0)),
    )
    assert [(group.label, group.users, group.events) for group in by_name["decada"].groups] == [
        ("1990s", 2, 3),
        ("2000s", 1, 2),
        (None, 1, 2),
    ]
    assert [group.label for group in by_name["suscripcion"].groups] == ["2020", "2021", None]


def test_the_quality_of_the_published_model_alone(report: Report) -> None:
    assert report.quality is not None
    assert report.quality.model_version == MODEL
    assert report.quality.models == ("blend", "mean")
    assert [(metric.name, dict(metric.values)) for metric in report.quality.metrics] == [
        ("rmse", {"blend": 0.9, "mean": 1.2}),
        ("test_ratings", {"blend": 50.0}),
    ]


def test_the_lists_of_the_most_active_users(report: Report) -> None:
    found = report.recommendations
    assert found is not None
    assert found.users == 3  # two of them are shown: u2 has 3 events, u1 has 2, u9 none
    assert found.titles == ("gone", "Title 3", "Title 1")
    assert found.lists == (
        UserList("u1", "U1", (Recommendation(0, 4.0, "als"), Recommendation(1, 3.0, "als"))),
        UserList("u2", "U2", (Recommendation(2, 2.5, "popularity"),)),
    )


def test_ids_that_are_there_twice_double_nothing(report: Report, root: str, tmp_path: Path) -> None:
    doubled = str(shutil.copytree(root, tmp_path / "lakehouse"))
    write_rows(doubled, SILVER_USERS, USERS)
    write_rows(doubled, SILVER_CONTENT, TITLES)
    snapshot = pin_tables(Lakehouse(doubled))
    assert read_genres(snapshot, genres=10, groups=8) == report.genres
    assert read_lists(snapshot, users=2) == report.recommendations
    assert read_popularity(snapshot, titles=12) == report.popularity


def test_what_is_committed_after_the_snapshot_is_not_on_the_page(
    report: Report, root: str, tmp_path: Path
) -> None:
    copy = str(shutil.copytree(root, tmp_path / "lakehouse"))
    snapshot = pin_tables(Lakehouse(copy))
    write_rows(copy, SILVER_QUARANTINE, [quarantined(9, "{", ("not_json_object", "value", "{"))])
    write_rows(copy, SILVER_FEEDBACK, [event(9, "u1", "t1")])
    assert read_rejections(snapshot, samples_per_rule=2) == report.rejections
    assert read_genres(snapshot, genres=10, groups=8) == report.genres


def test_a_lakehouse_of_bronze_alone(tmp_path: Path) -> None:
    root = str(tmp_path / "lakehouse")
    write_rows(root, BRONZE_EVENTS, [])
    found = collection.collect_report(
        Lakehouse(root), tmp_path / "none", users=2, samples_per_rule=1, made_at=NOON
    )
    assert [(table.name, table.version, table.rows) for table in found.tables] == [("bronze.events", 0, 0)]
    parts = (found.flow, found.rejections, found.streams, found.popularity, found.quality, found.checks)
    assert (*parts, found.recommendations, found.genres) == (None,) * 7 + ((),)


def test_tables_without_rows(tmp_path: Path) -> None:
    tables = (SILVER_BATCHES, SILVER_QUARANTINE, GOLD_POPULARITY, GOLD_METRICS, GOLD_RECOMMENDATIONS)
    for table in tables:
        write_rows(str(tmp_path), table, [])
    empty = pin_tables(Lakehouse(tmp_path))
    assert read_flow(empty) is None
    assert read_rejections(empty, samples_per_rule=1) == Rejections(0, 0, ())
    assert read_popularity(empty, titles=1) is None
    assert read_quality(empty) is None
    assert read_lists(empty, users=1) is None


def test_no_lakehouse_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"no table under .*lakehouse demo"):
        pin_tables(Lakehouse(tmp_path))


def test_the_published_model_is_first_and_the_mean_is_last(tmp_path: Path) -> None:
    write_rows(str(tmp_path), GOLD_RECOMMENDATIONS, [("u1", "t1", 1, 3.0, "als", MODEL)])
    rows = [
        (MODEL, "popularity", "ndcg_at_10", 0.07, None, {}),
        (MODEL, "blend", "ndcg_at_10", 0.13, None, {}),
        (MODEL, "mean", "rmse", 1.2, None, {}),
        (MODEL, "blend", "rmse", 0.9, None, {}),
    ]
    write_rows(str(tmp_path), GOLD_METRICS, rows)
    found = read_quality(pin_tables(Lakehouse(tmp_path)))
    assert found is not None
    assert found.models == ("blend", "popularity", "mean")
    assert [(metric.name, dict(metric.values)) for metric in found.metrics] == [
        ("ndcg_at_10", {"popularity": 0.07, "blend": 0.13}),
        ("rmse", {"mean": 1.2, "blend": 0.9}),
    ]


def result(
    run: str, table: str, version: int, expectation: str, success: bool, at: dt.datetime, column: str = ""
) -> tuple[object, ...]:
    return (run, table, version, expectation, column, success, "7", "0", None, None, None, at)


def test_the_last_check_of_each_table(tmp_path: Path) -> None:
    later = NOON + dt.timedelta(hours=1)
    rows = [
        result("run-1", "silver.users", 3, "not_null", False, NOON, "id"),  # fixed by the next run
        result("run-2", "silver.users", 4, "not_null", True, later, "id"),
        result("run-2", "silver.users", 4, "unique", True, later, "id"),
        result("run-1", "gold.recommendations", 2, "every_user", False, NOON),  # not in the next run
    ]
    write_rows(str(tmp_path), QUALITY_RESULTS, rows)
    found = read_checks(pin_tables(Lakehouse(tmp_path)), failures=10)
    assert found is not None
    assert [tuple(one) for one in found.tables] == [
        ("gold.recommendations", 2, 0, 1, NOON),
        ("silver.users", 4, 2, 0, later),
    ]
    assert [tuple(one) for one in found.failures] == [("gold.recommendations", "every_user", "", "7", "0")]


@pytest.mark.parametrize(
    ("days", "unit"), [(1, "day"), (62, "day"), (63, "week"), (435, "month"), (1861, "quarter"), (5581, "year")]
)
def test_the_length_of_periods_follows_the_span(days: int, unit: str) -> None:
    first = dt.date(2010, 1, 1)
    assert unit_for(first, first + dt.timedelta(days=days - 1)) == unit


@pytest.mark.parametrize(
    ("unit", "start"),
    [
        ("day", dt.date(2026, 5, 20)),
        ("week", dt.date(2026, 5, 18)),  # a Monday
        ("month", dt.date(2026, 5, 1)),
        ("quarter", dt.date(2026, 4, 1)),
        ("year", dt.date(2026, 1, 1)),
    ],
)
def test_where_a_period_begins(unit: str, start: dt.date) -> None:
    assert start_of(dt.date(2026, 5, 20), unit) == start


@pytest.mark.parametrize(
    ("unit", "count"), [("day", 732), ("week", 105), ("month", 25), ("quarter", 9), ("year", 3)]
)
def test_no_period_is_left_out_or_there_twice(unit: str, count: int) -> None:
    """From 31 January 2024, in a leap year, to 31 January 2026."""
    days = {dt.date(2024, 1, 31): [1, 0, 0, 0], dt.date(2026, 1, 31): [0, 0, 0, 2]}
    periods = fill_periods(days, unit=unit)
    assert len(periods) == count
    assert sum(period.events for period in periods) == 3
    assert (periods[0].views, periods[-1].ratings) == (1, 2)


def test_only_the_last_batches_are_kept_one_by_one(tmp_path: Path) -> None:
    file = tmp_path / "stream_progress.jsonl"
    lines = [progress_line("silver", rows, seconds=1, lag=None) for rows in range(1, 6)]
    file.write_text("".join(lines) + '{"stream": "silver", "rows": "many"}\n')
    found = read_streams(file, latest=2)
    assert found is not None
    (stream,) = found.streams
    assert (stream.batches, stream.rows, stream.seconds) == (5, 15, 5.0)
    assert [one.rows for one in stream.latest] == [4, 5]
    assert (found.shown, found.unreadable) == (2, 1)


def test_a_published_model_without_a_figure_stays_first_and_the_figure_is_named(tmp_path: Path) -> None:
    write_rows(str(tmp_path), GOLD_RECOMMENDATIONS, [("u1", "t1", 1, 3.0, "als", MODEL)])
    rows = [
        (MODEL, "blend", "ndcg_at_10", 0.13, None, {}),
        (MODEL, "blend", "rmse", float("nan"), None, {}),  # an earlier version may have written it
        (MODEL, "blend", "novelty", float("inf"), None, {}),
        (MODEL, "mean", "rmse", 1.2, None, {}),
        (MODEL, "mean", "mae", 1.0, None, {}),
    ]
    write_rows(str(tmp_path), GOLD_METRICS, rows)
    found = read_quality(pin_tables(Lakehouse(tmp_path)))
    assert found is not None
    assert found.models == ("blend", "mean")
    assert [(metric.name, dict(metric.values)) for metric in found.metrics] == [
        ("mae", {"mean": 1.0}),
        ("ndcg_at_10", {"blend": 0.13}),
        ("rmse", {"mean": 1.2}),
    ]
    assert set(found.unmeasured) == {*EXPECTED} - {"ndcg_at_10"}
    # a model without metrics is still the published one
    write_rows(str(tmp_path), GOLD_METRICS, [], mode="overwrite")
    alone = read_quality(pin_tables(Lakehouse(tmp_path)))
    assert alone == ModelQuality(MODEL, ("blend",), (), EXPECTED)
