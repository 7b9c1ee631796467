"""One line per micro-batch, from Spark's progress reports."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lakehouse.spark.progress import BatchLog, ProgressLog, progress_line, read_line

RUN = {"id": "6f2a1f3e-2f5c-4a4e-9b8f-2d9c3b8a7e11", "runId": "0d9e3c1a-5b7e-4f6a-8c2d-1e0f9a8b7c6d"}
SINK = {"description": "DeltaSink[file:/x/bronze/events]", "numOutputRows": 30}
DURATIONS = {"addBatch": 1200, "triggerExecution": 1500}


def source(description: str, start: Any, end: Any, latest: Any) -> dict[str, Any]:
    rates = {"numInputRows": 30, "inputRowsPerSecond": 0.0, "processedRowsPerSecond": 20.0, "metrics": {}}
    return {"description": description, "startOffset": start, "endOffset": end, "latestOffset": latest, **rates}


def kafka(end: dict[str, Any], latest: dict[str, Any]) -> dict[str, Any]:
    return source("KafkaV2[Subscribe[users, movies]]", None, end, latest)


def progress(*sources: dict[str, Any], rows: int = 30, input_rate: float | None = 0.0) -> dict[str, Any]:
    """A progress report as Spark writes it in JSON."""
    facts = {
        **RUN,
        "name": "bronze.events",
        "timestamp": "2025-05-13T12:00:00.000Z",
        "batchId": 7,
        "batchDuration": 1500,
        "numInputRows": rows,
        "inputRowsPerSecond": input_rate,
        "processedRowsPerSecond": 20.04,
        "durationMs": DURATIONS,
        "eventTime": {},
        "stateOperators": [],
        "sources": list(sources),
        "sink": SINK,
        "observedMetrics": {},
    }
    if input_rate is None:
        del facts["inputRowsPerSecond"]
    return facts


def test_a_line_has_the_documented_keys() -> None:
    line = progress_line(progress(kafka({"users": {"0": 10}}, {"users": {"0": 10}}), input_rate=12.345))
    assert datetime.now(UTC) >= datetime.fromisoformat(line.pop("logged_at"))
    assert line == {
        "stream": "bronze.events",
        "query_id": RUN["id"],
        "batch_id": 7,
        "started_at": "2025-05-13T12:00:00.000Z",
        "rows": 30,
        "inputRowsPerSecond": 12.3,
        "processedRowsPerSecond": 20.0,
        "durations_ms": DURATIONS,
        "kafka_lag": 0,
    }


def test_a_rate_that_json_cannot_hold_is_null() -> None:
    assert progress_line(progress(input_rate=None))["inputRowsPerSecond"] is None


@pytest.mark.parametrize(
    ("sources", "lag"),
    [
        # all topics and partitions count
        (
            [
                kafka(
                    {"users": {"0": 10, "1": 5}, "movies": {"0": 0}},
                    {"users": {"0": 12, "1": 5}, "movies": {"0": 9}},
                )
            ],
            11,
        ),
        # a partition that is new in Kafka and not read yet
        ([kafka({"users": {"0": 10}}, {"users": {"0": 10, "1": 4}})], 4),
        # two Kafka sources of one query
        ([kafka({"users": {"0": 1}}, {"users": {"0": 2}}), kafka({"x": {"0": 1}}, {"x": {"0": 4}})], 4),
        # Delta reports its position in its own way, not as a number of records
        (
            [source("DeltaSource[file:/x/bronze/events]", None, {"reservoirVersion": 3}, {"reservoirVersion": 5})],
            None,
        ),
        # Spark does not always know the latest offsets
        ([source("KafkaV2[Subscribe[users]]", None, {"users": {"0": 1}}, None)], None),
        ([], None),
    ],
    ids=["topics and partitions", "a new partition", "two sources", "Delta", "unknown", "no source"],
)
def test_the_lag_is_what_kafka_has_and_the_batch_had_not(sources: list[dict[str, Any]], lag: int | None) -> None:
    assert progress_line(progress(*sources))["kafka_lag"] == lag


def test_a_batch_without_rows_leaves_no_line(tmp_path: Path) -> None:
    file = tmp_path / "ops" / "stream_progress.jsonl"
    log = ProgressLog(file)
    log.record(progress(rows=0))
    assert not file.exists()
    log.record(progress(rows=1))
    log.record(progress(rows=2))
    assert [json.loads(line)["rows"] for line in file.read_text(encoding="utf-8").splitlines()] == [1, 2]


def test_half_a_line_of_a_full_disk_spoils_no_other(tmp_path: Path) -> None:
    file = tmp_path / "stream_progress.jsonl"
    log = ProgressLog(file)
    log.record(progress(rows=1))
    whole = file.read_bytes()
    file.write_bytes(whole + whole[:50])
    log.record(progress(rows=2))
    batches = [read_line(line) for line in file.read_bytes().splitlines()]
    assert [batch and batch["rows"] for batch in batches] == [1, None, 2]


@pytest.mark.parametrize("line", ["", "{", "7", "[]", '{"stream": "silver"}'])
def test_a_line_without_a_batch(line: str) -> None:
    assert read_line(line) is None


def test_waiting_ends_as_soon_as_all_queries_have(tmp_path: Path) -> None:
    log = ProgressLog(tmp_path / "lines.jsonl")
    log.ended()
    began = datetime.now(UTC)
    log.await_ended(1)
    assert (datetime.now(UTC) - began).total_seconds() < 1


@pytest.mark.parametrize("batch_log", ["off", "text", "json"])
def test_stderr_gets_a_line_per_batch_if_it_is_asked_for(
    batch_log: BatchLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = ProgressLog(tmp_path / "progress.jsonl", batch_log)
    log.record(progress(kafka({"users": {"0": 10}}, {"users": {"0": 12}})))
    [line] = log.file.read_text().splitlines()
    text = f"{json.loads(line)['logged_at']} bronze.events batch 7: 30 rows in 1.5 s, 2 records left in Kafka"
    assert capsys.readouterr().err == {"off": "", "text": f"{text}\n", "json": f"{line}\n"}[batch_log]
