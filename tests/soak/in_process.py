"""The part of a soak that needs neither Spark nor a broker: batches of silver, forgets, retention and maintenance.

In any order, and killed before any of their commits. Hundreds of seeds of it run in the time of one soak.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse.arrow import arrow_schema
from lakehouse.folders import Folder
from lakehouse.forgotten import read_forgotten
from lakehouse.history.backlog import SILVER_SOURCES
from lakehouse.history.commits import commits
from lakehouse.history.log import read_actions, removes_rows, table_log
from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import Settings
from lakehouse.tables import BRONZE_EVENTS, BRONZE_FEEDBACK, Table, layer_tables
from maintenance import expiry, maintain, retention
from operations.commands import forget as command
from operations.commands.forget import forget
from operations.person import forgetting, purging
from producers.sending.records import Record
from silver import small_batch
from silver.conditions import Rules
from silver.judging import judge_batch
from silver.small_batch import apply_small_batch, open_tables
from tests.soak.records import USERS, Feed, feeds
from tests.soak.schedule import one_of
from tests.support.delta_tables import fill
from tests.support.maintained import no_spark, settings_at, silver_has_read
from tests.support.records import Row

_WORK = (
    *("land",) * 3,
    *("batch",) * 2,
    "killed batch",
    *("forget", "killed forget", "maintain", "killed maintain"),
)
# What is killed: before one of its calls of these, of at most so many.
Steps = tuple[tuple[tuple[Any, str], ...], int]
_BATCH: Steps = (((small_batch, "_append"), (small_batch, "_merge")), 6)
_FORGET: Steps = (
    (
        *((forgetting, name) for name in ("settle", "empty", "_remove", "bury", "_change")),
        *((purging, name) for name in ("_commit", "add_checkpoint", "_rewrite")),
        *((command, name) for name in ("let_rows_change", "clean_files", "files_naming")),
        (Folder, "delete"),
    ),
    60,
)
_MAINTAIN: Steps = (((Folder, "delete"), (retention, "delete"), (expiry, "add_checkpoint")), 30)


class KilledError(Exception):
    """In place of kill -9."""


class World:
    """A lakehouse in which everything happens in this process.

    If it `retains` records for a time, maintenance removes those from bronze that are older than half a second.
    """

    def __init__(self, root: Path, *, retains: bool = False) -> None:
        settings = settings_at(root, keep_days=0)
        bronze = settings.bronze.model_copy(update={"keep_days": int(retains)})
        self.settings: Settings = settings.model_copy(update={"bronze": bronze})
        self.root, self.lake = root, Lakehouse(root)
        self.landed: list[tuple[Table, list[Row]]] = []
        self.forgotten: set[str] = set()
        self._read: dict[str, list[int]] = {table.sql_name: [0] for table in SILVER_SOURCES}
        for table in (*layer_tables("bronze"), *layer_tables("silver")):
            fill(str(root), table, [])
        self._checkpoint()

    def land(self, table: Table, rows: list[Row]) -> None:
        self.landed.append((table, rows))
        fill(str(self.root), table, rows)

    def batch(self) -> None:
        """What silver's stream does with all that it has not read; a batch that was killed is repeated."""
        versions = {table.sql_name: self.lake.version(table) for table in SILVER_SOURCES}
        rows = [*self._unread()]
        if rows:
            silver = self.settings.silver
            rules = Rules(
                frozenset(silver.clasificaciones),
                silver.future_tolerance_seconds,
                read_forgotten(str(self.root)),
            )
            records = pa.concat_tables(rows).drop_columns(["headers", "ingested_at"]).combine_chunks()
            judged = pa.Table.from_batches([judge_batch(records.to_batches()[0], rules)])
            apply_small_batch(
                *(judged, open_tables(self.lake)),
                query_id="q",
                batch_id=len(self._read[BRONZE_EVENTS.sql_name]),
                versions=versions,
                writers=1,  # so that a seed kills it at the same commit each time
            )
        for name, version in versions.items():
            self._read[name].append(version)
        self._checkpoint()

    def _unread(self) -> Iterator[pa.Table]:
        for table in SILVER_SOURCES:
            yield from _added(self.lake, table, after=self._read[table.sql_name][-1])

    def forget(self, people: set[str]) -> None:
        self.forgotten |= people
        assert forget(self.settings, people).naming == {}

    def maintain(self) -> None:
        maintain.run(self.settings, (), session=no_spark, now=datetime.now(UTC))

    def _checkpoint(self) -> None:
        """Both positions, as of each batch."""
        events, feedback = (self._read[table.sql_name] for table in SILVER_SOURCES)
        silver_has_read(self.root, *events, feedback=feedback[-1])


class Worker:
    """Does what the seed says in a world, some of it killed in the middle."""

    def __init__(self, world: World, seed: int) -> None:
        self.log: list[str] = []
        self._world, self._draws = world, np.random.default_rng([seed])
        self._feeds, self._offsets = feeds(world.settings.kafka, seed), Counter[tuple[str, int]]()

    def work(self, steps: int) -> None:
        for _ in range(steps):
            kind = one_of(self._draws, _WORK)
            self.log.append(kind)
            self._do(kind)

    def land(self, share: float = 1.0) -> None:
        """Some seconds of each feed. Also in the first half of a batch that is repeated, as Kafka goes on."""
        topic = self._world.settings.kafka.feedback_topic
        for feed in self._feeds:
            records = islice(feed.records, max(1, round(8 * share * feed.rate)))
            table = BRONZE_FEEDBACK if feed.topic == topic else BRONZE_EVENTS
            self._world.land(table, [self._row(feed, record) for record in records])

    def _do(self, kind: str) -> None:
        world = self._world
        if kind == "land":
            self.land()
        elif kind == "killed batch":
            self._killed(world.batch, _BATCH)
            world.batch()
        elif kind == "batch":
            world.batch()
        elif kind in ("forget", "killed forget"):
            self._forget(is_killed=kind != "forget")
        else:
            self._killed(world.maintain, _MAINTAIN) if kind == "killed maintain" else world.maintain()

    def _forget(self, *, is_killed: bool) -> None:
        """A forget that was killed is done again, at once or when the others have worked on."""
        world, people = self._world, {f"u{self._draws.integers(1, USERS + 1):06d}" for _ in range(2)}
        world.batch()
        if is_killed:
            world.forgotten |= people
            self._killed(lambda: world.forget(people), _FORGET)
            for _ in range(self._draws.integers(3)):
                self.land(0.3)
                world.batch()
            self._killed(world.maintain, _MAINTAIN)
        self.log.append(", ".join(sorted(people)))
        world.forget(people)

    def _killed(self, work: Callable[[], object], steps: Steps) -> None:
        """Do it up to one of its steps, or to its end."""
        functions, most = steps
        left = int(self._draws.integers(most))

        def mortal(function: Callable[..., Any]) -> Callable[..., Any]:
            def call(*arguments: Any, **named: Any) -> Any:
                nonlocal left
                left -= 1
                if left < 0:
                    raise KilledError
                return function(*arguments, **named)

            return call

        with pytest.MonkeyPatch.context() as patch, suppress(KilledError):
            for owner, name in functions:
                patch.setattr(owner, name, mortal(getattr(owner, name)))
            work()

    def _row(self, feed: Feed, record: Record) -> Row:
        part = (feed.topic, crc32(record.key or b"") % 2)
        offset = self._offsets[part]
        self._offsets[part] += 1
        sent_at = datetime.fromtimestamp((record.timestamp_ms or 0) / 1000, UTC)
        return (*part, offset, sent_at, *as_stored(record.key), *as_stored(record.value), None, datetime.now(UTC))


@contextmanager
def seconds_for_days() -> Iterator[None]:
    """Maintenance takes everything for old, but for joining small files, which needs Spark."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (expiry, maintain):
            patch.setattr(module, "READERS", timedelta(0))
        patch.setattr(expiry, "_WRITERS", timedelta(0))
        patch.setattr(maintain, "small_files", lambda *_: 0)
        patch.setattr(maintain, "first_day_kept", lambda _, now: now - timedelta(seconds=0.5))
        yield


def undisturbed(world: World, root: Path) -> World:
    """A lakehouse that got the same records at once, and knew from its beginning whom to forget."""
    other = World(root)
    if world.forgotten:
        shutil.copytree(world.root / "forgotten", root / "forgotten")
    for table, rows in world.landed:
        other.land(table, rows)
    other.batch()
    if world.forgotten:
        other.forget(set())
    return other


def as_stored(sent: bytes | None) -> tuple[str | None, bytes | None]:
    """As bronze stores it: text, or bytes if they are no text."""
    try:
        return (None if sent is None else sent.decode()), None
    except UnicodeDecodeError:
        return None, sent


def _added(lake: Lakehouse, table: Table, *, after: int) -> Iterator[pa.Table]:
    """The rows of each commit that adds some, as silver's stream reads them: it skips those that change rows."""
    schema = pa.schema([field.with_nullable(True) for field in arrow_schema(table)])
    for commit in commits(lake, table, after=after):
        actions = [*read_actions(table_log(lake.folder, table), commit.version)]
        added = [action["add"] for action in actions if "add" in action and action["add"]["dataChange"]]
        for file in [] if removes_rows(actions) else added:
            rows = pq.read_table(f"{table.path(lake.root)}/{unquote(file['path'])}")
            yield rows.select(schema.names).cast(schema)
