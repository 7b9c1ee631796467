"""The replay of the quarantine: exactly once, as if the records had always been valid, despite interruptions."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from pyspark.sql import SparkSession

from lakehouse.folders import open_folder
from lakehouse.lakehouse import Lakehouse
from lakehouse.replay_request import Request
from lakehouse.settings import Settings
from lakehouse.spark.checkpoints import read_checkpoint
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import (
    BRONZE_EVENTS,
    SILVER_CONTENT,
    SILVER_QUARANTINE,
    SILVER_USERS,
    layer_tables,
)
from operations.audit.pinned import Pinned
from operations.audit.resolutions import count_resolutions
from silver import replay, state
from silver.continuity import require_continuity
from silver.quarantine import resolution
from silver.refine import STREAM, refine
from tests.support.quarantined import (
    CLOCKS,
    accepting_new,
    audit_faults,
    became,
)
from tests.support.records import MOVIE, event, land
from tests.support.tables import contents

BECAME = {
    "first": ["applied"],
    "older": ["superseded"],
    "newer": ["applied"],
    "deleted later": ["superseded"],
    "deleted before": ["applied"],
    "twice": ["superseded", "applied"],
    "user": ["applied"],
    "two faults": ["open"],
    "goes": ["deleted"],
    "outlives": ["superseded"],
    "text": ["open"],
    "None": ["open"],
    "rated": ["open"],
}


def copy(settings: Settings, folder: Path) -> Settings:
    return settings.model_copy(update={"root": str(shutil.copytree(settings.root, folder))})


class Undisturbed(NamedTuple):
    """A lakehouse after the replay, copies of it after each of its commits, the report, and every row."""

    settings: Settings
    prefixes: list[Path]
    report: replay.ReplayReport
    contents: dict[str, list[str]]


@pytest.fixture(scope="module")
def undisturbed(
    spark: SparkSession, quarantined: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    settings = accepting_new(copy(quarantined, folder / "whole"))
    prefixes: list[Path] = []

    def then_copy(write: Callable[..., None]) -> Callable[..., None]:
        def wrapped(*args: object, **kwargs: object) -> None:
            write(*args, **kwargs)
            prefixes.append(Path(shutil.copytree(settings.root, folder / f"after-{len(prefixes)}")))

        return wrapped

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in (
            (state, "_merge"),
            (SparkLakehouse, "append"),
            (resolution, "_mark"),
        ):
            patch.setattr(owner, name, then_copy(getattr(owner, name)))
        report = replay.run(spark, settings, Request())
    rows = {table.name: contents(settings.root, table, *CLOCKS) for table in layer_tables("silver")}
    return Undisturbed(settings, prefixes, report, rows)


def require_the_stream_may_go_on(spark: SparkSession, root: str) -> None:
    require_continuity(SparkLakehouse(root, spark), read_checkpoint(open_folder(root), STREAM))


def test_each_record_becomes_what_it_would_have_been(spark: SparkSession, undisturbed: Undisturbed) -> None:
    root = undisturbed.settings.root
    lake = SparkLakehouse(root, spark)
    assert became(spark, root) == BECAME
    titles = lake.read(SILVER_CONTENT).select("id", "titulo").orderBy("id").collect()
    assert [tuple(row) for row in titles] == [
        ("deleted before", "El viaje"),
        ("first", "El viaje"),
        ("newer", "after"),
        ("older", "stays"),
        ("outlives", "El viaje"),
        ("twice", "two"),
    ]
    assert [row["id"] for row in lake.read(SILVER_USERS).collect()] == ["user"]
    assert audit_faults(root) == []
    require_the_stream_may_go_on(spark, root)


def test_what_stays_open_has_its_new_reasons(spark: SparkSession, undisturbed: Undisturbed) -> None:
    quarantine = SparkLakehouse(undisturbed.settings.root, spark).read(SILVER_QUARANTINE)
    found = quarantine.filter("key = 'two faults'").select("status", "resolved_at", "reasons.rule").collect()
    assert [tuple(row) for row in found] == [("open", None, ["titulo_missing"])]
    assert dict(undisturbed.report.result.outcomes) == {"applied": 5, "superseded": 4, "deleted": 1, "open": 4}
    rules = {"id_missing": 1, "not_json_object": 1, "rating_out_of_range": 1, "titulo_missing": 1}
    assert dict(undisturbed.report.result.open_rules) == rules
    # ten are resolved, one has different reasons than before
    assert (undisturbed.report.selected, undisturbed.report.result.changed) == (14, 11)


def test_the_same_replay_again_changes_nothing(spark: SparkSession, undisturbed: Undisturbed) -> None:
    root = undisturbed.settings.root
    lake = SparkLakehouse(root, spark)
    versions = [lake.version(table) for table in layer_tables("silver")]
    report = replay.run(spark, undisturbed.settings, Request(rule="clasificacion_unknown"))
    assert replay.report_lines(report, dry_run=False) == ["0 rows: no open row is selected"]
    report = replay.run(spark, undisturbed.settings, Request())
    assert replay.report_lines(report, dry_run=False)[-1] == "0 rows changed"
    assert [lake.version(table) for table in layer_tables("silver")] == versions


COMMITS = 5  # corrections, users, content, tombstones, quarantine


@pytest.mark.parametrize("commits", range(1, COMMITS))
def test_a_replay_that_was_cut_off_is_finished_by_the_next(
    spark: SparkSession, undisturbed: Undisturbed, tmp_path: Path, commits: int
) -> None:
    """The process died after that many commits; before the first there is nothing to finish."""
    assert len(undisturbed.prefixes) == COMMITS
    root = str(shutil.copytree(undisturbed.prefixes[commits - 1], tmp_path / "lakehouse"))
    assert count_resolutions(Pinned(Lakehouse(root)))[("events", 0)].unfinished == 10
    # the same command; one that selects nothing finishes it too
    request = Request() if commits == 1 else Request(rule="key_unknown")
    report = replay.run(spark, undisturbed.settings.model_copy(update={"root": root}), request)
    assert report.finished == 11
    for table in layer_tables("silver"):
        assert contents(root, table, *CLOCKS) == undisturbed.contents[table.name], table.sql_name


def test_the_stream_finishes_a_replay_and_goes_on(
    spark: SparkSession, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    """After the first commit of a replay, with new records: one older and one newer than a corrected record."""
    root = str(shutil.copytree(undisturbed.prefixes[0], tmp_path / "lakehouse"))
    settings = undisturbed.settings.model_copy(update={"root": root})
    newer, older = event(MOVIE, "first", 40, titulo="new"), event(MOVIE, "newer", 15, titulo="too old")
    land(root, BRONZE_EVENTS, [newer, older])
    refine(spark, settings)
    titles = SparkLakehouse(root, spark).read(SILVER_CONTENT).filter("id IN ('first', 'newer')").orderBy("id")
    assert [row["titulo"] for row in titles.collect()] == ["new", "after"]
    assert became(spark, root) == BECAME
    assert audit_faults(root) == []
