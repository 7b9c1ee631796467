"""How fast the streams are and how far behind, from the log of their micro-batches."""

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lakehouse.history.commits import commits
from lakehouse.spark.progress import read_line
from lakehouse.tables import SILVER_BATCHES, layer_tables
from operations.report.contents import Batch, Stream, StreamHistory
from operations.report.pinned_tables import PinnedTables

SILVER = "silver"


@dataclass
class _Counted:
    latest: deque[Batch]
    batches: int = 0
    rows: int = 0
    seconds: float = 0.0

    def add(self, batch: Batch) -> None:
        self.latest.append(batch)
        self.batches += 1
        self.rows += batch.rows
        self.seconds += batch.seconds


def read_streams(file: Path, *, latest: int) -> StreamHistory | None:
    """The streams; None if none has run yet. Only the last `latest` batches of each are kept one by one."""
    if not file.is_file():
        return None
    counted: dict[str, _Counted] = defaultdict(lambda: _Counted(deque(maxlen=latest)))
    unreadable = 0
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            record = read_line(line)
            if record is None:
                unreadable += 1  # shown on the page: the other batches are still useful
            else:
                name, batch = _batch(record)
                counted[name].add(batch)
    streams = [
        Stream(name, stream.batches, stream.rows, stream.seconds, tuple(stream.latest))
        for name, stream in sorted(counted.items())
    ]
    return StreamHistory(tuple(streams), latest, unreadable) if streams or unreadable else None


def _batch(line: Mapping[str, Any]) -> tuple[str, Batch]:
    seconds = line["durations_ms"]["triggerExecution"] / 1000
    ended_at = datetime.fromisoformat(line["logged_at"]).astimezone(UTC)
    return str(line["stream"]), Batch(ended_at, int(line["rows"]), float(seconds), line["kafka_lag"])


def with_delays(streams: StreamHistory, snapshot: PinnedTables, *, latest: int) -> StreamHistory:
    """The same, with the delays of silver's last `latest` batches."""
    if not any(stream.name == SILVER for stream in streams.streams):
        return streams
    delays = read_delays(snapshot, latest=latest)
    return streams._replace(
        streams=tuple(
            stream._replace(delays=delays) if stream.name == SILVER else stream for stream in streams.streams
        )
    )


def read_delays(snapshot: PinnedTables, *, latest: int) -> tuple[float, ...]:
    """Seconds from the oldest bronze commit that a silver batch read to that batch's end."""
    if not snapshot.has(SILVER_BATCHES):
        return ()
    rows = snapshot.query(
        f"""
        SELECT query_id, batch_id, finished_at, bronze_versions FROM batches
        ORDER BY finished_at DESC, batch_id DESC LIMIT {latest + 1}
        """,  # noqa: S608
        batches=SILVER_BATCHES,
    )[::-1]
    versions = [dict(row["bronze_versions"]) for row in rows]
    first = min((version for read in versions for version in read.values()), default=0)
    landed = _landed(snapshot, after=first - 1 if rows and rows[0]["batch_id"] else 0)
    positions: dict[str, Mapping[str, int]] = {}
    delays = []
    for row, read in zip(rows, versions, strict=True):
        before = positions.get(row["query_id"]) if row["batch_id"] else {}
        positions[row["query_id"]] = read
        waited = None if before is None else _first_landing(before, read, landed)
        if waited is not None:
            delays.append(max((row["finished_at"] - waited).total_seconds(), 0.0))
    return tuple(delays[-latest:])


def _first_landing(
    before: Mapping[str, int], versions: Mapping[str, int], landed: Mapping[tuple[str, int], datetime]
) -> datetime | None:
    """The time of the oldest commit between two positions; None if the log no longer has it."""
    commits = [
        landed.get((name, min(before.get(name, 0) + 1, version)))
        for name, version in versions.items()
        if version > before.get(name, 0)
    ]
    known = [moment for moment in commits if moment is not None]
    return min(known) if known and len(known) == len(commits) else None


def _landed(snapshot: PinnedTables, *, after: int) -> dict[tuple[str, int], datetime]:
    """The time of each commit of the bronze tables after that version."""
    moments = {}
    for table in layer_tables("bronze"):
        for commit in commits(snapshot.lakehouse, table, after=after):
            if commit.written_at is not None:
                moments[table.sql_name, commit.version] = commit.written_at
    return moments
