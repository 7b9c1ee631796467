"""What a scrape returns, on a lakehouse without a broker."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import Metric

from lakehouse.errors import InputError
from lakehouse.lakehouse import Lakehouse
from lakehouse.metrics.server import metrics_served
from lakehouse.runs import store
from lakehouse.runs.run import Run
from lakehouse.settings import Settings, load_settings
from lakehouse.tables import BRONZE_EVENTS, QUALITY_RESULTS, SILVER_BATCHES, SILVER_QUARANTINE, SILVER_USERS
from tests.support.delta_tables import NOON, batch, rejected, user, write
from tests.support.folders import PROJECT
from tests.support.monitored import ALERTS, SCRAPES, families, free_port, scrape, used_names, values

# What needs a broker: the process test of `lakehouse up` reads it.
KAFKA = {"lakehouse_kafka_lag_records", "lakehouse_kafka_lag_seconds"}


def line(stream: str, rows: int, **phases: int) -> str:
    """A line of stream_progress.jsonl."""
    facts = {"logged_at": NOON.isoformat(), "stream": stream, "rows": rows, "durations_ms": phases}
    rates = {"inputRowsPerSecond": 4.0, "processedRowsPerSecond": None}
    return json.dumps({**facts, **rates, "kafka_lag": None}) + "\n"


def check(table: str, moment: datetime, *, success: bool) -> dict[str, object]:
    row = dict.fromkeys(("column", "expectation", "expected"), "")
    return {
        **row,
        "run_id": str(moment),
        "table_name": table,
        "version": 0,
        "success": success,
        "checked_at": moment,
    }


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A lakehouse that two streams, a gold run and a gate have written, and no broker."""
    write(tmp_path, SILVER_USERS, user(0, "Ana"), user(1, "Luis"))
    write(
        tmp_path, SILVER_QUARANTINE, rejected(4, "a", "b"), rejected(5, "a"), rejected(6, "a", status="resolved")
    )
    counts = {"rows_in": 5, "applied": 3, "quarantined": 2}
    write(tmp_path, SILVER_BATCHES, {**batch(0), **counts}, {**batch(1), **counts})
    checkpoint = tmp_path / "checkpoints" / "silver"  # of a stream that has ended no batch
    checkpoint.mkdir(parents=True)
    (checkpoint / "metadata").write_text('{"id": "q"}')
    event = {"topic": "users", "partition": 0, "offset": 0, "kafka_timestamp": NOON, "ingested_at": NOON}
    write(tmp_path, BRONZE_EVENTS, event)
    later = NOON.replace(hour=13)
    # the last check counts, and one expectation that fails is enough
    write(tmp_path, QUALITY_RESULTS, check("silver.users", NOON, success=False))
    write(tmp_path, QUALITY_RESULTS, check("silver.users", later, success=True))
    rows = (check("gold.models", later, success=True), check("gold.models", later, success=False))
    write(tmp_path, QUALITY_RESULTS, *rows)
    run = Run("1", None, "gold.recommend", "", NOON, 7.5, "succeeded")
    store.append(Lakehouse(tmp_path), [run, run._replace(started_at=later, result="failed", seconds=1.0)])
    base = load_settings()
    kafka = base.kafka.model_copy(update={"bootstrap_servers": "", "embedded_port": free_port()})
    metrics = base.metrics.model_copy(update={"port": free_port()})
    return base.model_copy(update={"root": str(tmp_path), "kafka": kafka, "metrics": metrics})


@pytest.fixture
def text(settings: Settings) -> Iterator[str]:
    """A scrape after three batches, one of them from before the process began."""
    log = settings.ops_dir / "stream_progress.jsonl"
    log.write_text(line("silver", 100, triggerExecution=9000), encoding="utf-8")
    with metrics_served(settings):
        with log.open("a", encoding="utf-8") as lines:
            lines.write(line("silver", 5, triggerExecution=2000, addBatch=1500))
            lines.write(line("silver", 7, triggerExecution=1000, addBatch=250))
        yield scrape(settings.metrics.port)


@pytest.fixture
def found(text: str) -> dict[str, Metric]:
    return families(text)


def test_the_dashboard_and_the_alerts_use_what_is_there(found: dict[str, Metric]) -> None:
    without_values = {name for name, metric in found.items() if not metric.samples}
    assert len(used_names()) > 20
    missing = used_names() - KAFKA - (found.keys() - without_values)
    assert missing == {"lakehouse_stream_processed_rows_per_second"}  # the last batch had none


def test_streams_count_from_the_start_of_the_process(found: dict[str, Metric]) -> None:
    streams = {("bronze.events",): 0, ("bronze.feedback",): 0}
    assert values(found["lakehouse_stream_rows_total"]) == {**streams, ("silver",): 12}
    assert values(found["lakehouse_stream_batches_total"]) == {**streams, ("silver",): 2}
    assert values(found["lakehouse_stream_phase_seconds_total"]) == {
        ("triggerExecution", "silver"): 3.0,
        ("addBatch", "silver"): 1.75,
    }
    assert values(found["lakehouse_stream_input_rows_per_second"]) == {("silver",): 4.0}
    assert values(found["lakehouse_stream_last_batch_timestamp_seconds"]) == {("silver",): NOON.timestamp()}


def test_what_silver_did_and_what_it_has_not_read(found: dict[str, Metric]) -> None:
    assert values(found["lakehouse_silver_records_total"]) == {
        ("applied",): 6,
        ("superseded",): 0,
        ("deleted",): 0,
        ("quarantined",): 4,
    }
    assert values(found["lakehouse_silver_lag_versions"]) == {(): 1}
    assert values(found["lakehouse_silver_lag_rows"]) == {(): 1}
    assert values(found["lakehouse_quarantine_open_rows"]) == {("a",): 2, ("b",): 1}
    assert values(found["lakehouse_table_rows"])[("silver.users",)] == 2
    assert values(found["lakehouse_table_size_bytes"])[("silver.users",)] > 1000


def test_the_last_check_and_the_last_success_count(found: dict[str, Metric]) -> None:
    assert values(found["lakehouse_check_passed"]) == {("silver.users",): 1, ("gold.models",): 0}
    assert values(found["lakehouse_runs_total"]) == {
        ("succeeded", "gold.recommend"): 1,
        ("failed", "gold.recommend"): 1,
    }
    name = "lakehouse_run_last_success_timestamp_seconds"
    assert values(found[name]) == {("gold.recommend",): NOON.replace(tzinfo=UTC).timestamp()}
    assert values(found["lakehouse_run_last_success_duration_seconds"]) == {("gold.recommend",): 7.5}


def test_a_part_that_cannot_be_read_hides_no_other(found: dict[str, Metric]) -> None:
    success = values(found["lakehouse_scrape_success"])
    assert {part for (part,), value in success.items() if not value} == {"kafka"}
    assert len(success) == 7


def test_a_later_scrape_sees_a_newer_version(settings: Settings) -> None:
    with metrics_served(settings):
        scrape(settings.metrics.port)
        write(Path(settings.root), SILVER_USERS, user(2, "Zoé"))
        rows = values(families(scrape(settings.metrics.port))["lakehouse_table_rows"])
    assert rows[("silver.users",)] == 3


def test_a_taken_port_is_named(settings: Settings) -> None:
    with metrics_served(settings), pytest.raises(InputError) as error, metrics_served(settings):
        pass
    assert f"metrics cannot be served at 127.0.0.1:{settings.metrics.port}: " in str(error.value)
    assert str(error.value).endswith("give each process its own port: LAKEHOUSE_METRICS__PORT")


def test_nothing_is_served_without_a_port_or_to_a_run_that_ends(settings: Settings) -> None:
    off = settings.model_copy(update={"metrics": settings.metrics.model_copy(update={"port": 0})})
    for ended, when in ((off, True), (settings, False)):
        with metrics_served(ended, when=when), pytest.raises(OSError, match="refused"):
            scrape(settings.metrics.port)


@pytest.fixture
def promtool() -> str:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("needs promtool (make test-tools)")
    return program


def test_the_names_follow_the_conventions(promtool: str, text: str) -> None:
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("scrapes", SCRAPES)
def test_prometheus_accepts_the_alerts_and_the_scrape_settings(promtool: str, scrapes: Path) -> None:
    done = subprocess.run([promtool, "check", "config", scrapes], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Checking {ALERTS.relative_to(PROJECT)}" in done.stdout.replace(f"{PROJECT}/", "")
