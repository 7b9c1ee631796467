"""`lakehouse status`: what each table holds and how far each layer is behind, from logs and checkpoints alone."""

import argparse
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from lakehouse.broker.embedded import running_cluster
from lakehouse.errors import BrokerError
from lakehouse.history.backlog import KafkaBacklog, SilverBacklog, input_backlog, kafka_backlog, silver_backlog
from lakehouse.history.commits import commit
from lakehouse.history.damage import require_whole_checkpoints, require_whole_logs
from lakehouse.history.growth import growth
from lakehouse.history.snapshots import read_snapshot
from lakehouse.kafka.bronze_sources import bronze_sources
from lakehouse.kafka.client import Cluster
from lakehouse.kafka.meter import kafka_meter
from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import KafkaSettings
from lakehouse.tables import CATALOGUE, Table, layer_tables
from operations.call import Call
from operations.output import in_units, print_json, print_table

# The whole answer is due in 5 s, with or without a broker.
_KAFKA_SECONDS = 2.0


class TableStatus(NamedTuple):
    """One table now; all but the name is None if it does not exist.

    `size` is in bytes of the newest version, `history` in those that only older ones need, the log included;
    `per_day` how many of both a day adds.
    """

    table: str
    version: int | None = None
    rows: int | None = None
    files: int | None = None
    size: int | None = None
    last_write: datetime | None = None
    operation: str | None = None
    history: int | None = None
    per_day: int | None = None


class Status(NamedTuple):
    """`gold`: for each gold table, how many versions its inputs are ahead of those it was built from.

    `kafka` is the address of the cluster that was asked, None if none runs, and `unanswered` its failure.
    """

    kafka: str | None
    tables: list[TableStatus]
    bronze: Mapping[str, KafkaBacklog]
    silver: SilverBacklog
    gold: Mapping[str, Mapping[str, int] | None]
    unanswered: BrokerError | None = None


def run(args: argparse.Namespace, call: Call) -> int:
    settings = call.settings
    require_whole_checkpoints(settings.root)
    require_whole_logs(settings.root, "bronze", "silver")
    status = look(settings.root, settings.kafka)
    if args.json:
        print_json({"root": settings.root, **_public(status)})
    else:
        print(f"{settings.root}, Kafka at {status.kafka}" if status.kafka else settings.root)
        _show(status, now=datetime.now(UTC))
    if status.unanswered is not None:
        # what waits there is unknown: to a calling program that is a missing broker, as for any other command
        raise status.unanswered
    return 0


def look(root: str, kafka: KafkaSettings) -> Status:
    """The current state. Nothing is started: without a broker, what waits in Kafka stays unknown."""
    lake = Lakehouse(root)
    now = datetime.now(UTC)
    tables = [table_state(lake, table, now=now) for table in CATALOGUE]
    present = {state.table for state in tables if state.version is not None}
    cluster = running_cluster(kafka, root)
    bronze, unanswered = _kafka_backlogs(lake, cluster, kafka, now)
    return Status(
        None if cluster is None else cluster.bootstrap,
        tables,
        bronze,
        silver_backlog(lake, now=now),
        {
            table.sql_name: input_backlog(lake, table)
            for table in layer_tables("gold")
            if table.sql_name in present and not table.accumulates
        },
        unanswered,
    )


def table_state(lake: Lakehouse, table: Table, *, now: datetime) -> TableStatus:
    if not lake.exists(table):
        return TableStatus(table.sql_name)
    snapshot = read_snapshot(lake, table)
    stored = growth((lake.folder / table.layer / table.name).stored().values(), now=now)
    written = commit(lake, table, snapshot.version)
    return TableStatus(
        table.sql_name,
        *snapshot,
        last_write=written and written.written_at,  # None: its log was cleaned up to a checkpoint
        operation=written and written.operation,
        history=max(0, stored.size - snapshot.size),
        per_day=stored.per_day,
    )


def _kafka_backlogs(
    lake: Lakehouse, cluster: Cluster | None, kafka: KafkaSettings, now: datetime
) -> tuple[Mapping[str, KafkaBacklog], BrokerError | None]:
    fed = {source.table.sql_name: source for source in bronze_sources(kafka)}
    if cluster is None:
        return {name: KafkaBacklog(None, None, "the embedded broker is not running") for name in fed}, None
    timeout = min(_KAFKA_SECONDS, kafka.connect_timeout_seconds)
    try:
        with kafka_meter(cluster, timeout_seconds=timeout) as meter:
            backlogs = {name: kafka_backlog(lake, *fed[name], meter, now=now) for name in fed}
    except BrokerError as error:
        return {name: KafkaBacklog(None, None, error.problem) for name in fed}, error
    return backlogs, None


def _public(status: Status) -> dict[str, Any]:
    return {
        "kafka": status.kafka,
        "tables": [state._asdict() for state in status.tables],
        "behind": {
            **{name: backlog._asdict() for name, backlog in status.bronze.items()},
            "silver": status.silver._asdict(),
            **{name: {"versions": behind} for name, behind in status.gold.items()},
        },
    }


def _show(status: Status, *, now: datetime) -> None:
    rows = [
        (
            *(state.table, state.version, state.rows, state.files),
            *(None if size is None else in_units(size) for size in (state.size, state.history, state.per_day)),
            None if state.last_write is None else ago(now - state.last_write),
        )
        for state in status.tables
    ]
    print_table(("table", "version", "rows", "files", "size", "history", "per day", "last write"), rows)
    behind: list[tuple[str, str, str]] = []
    for name, kafka in status.bronze.items():
        waits = kafka.unknown or f"{_counted(kafka.records, 'record')} in Kafka"
        behind.append((name, waits, _seconds(kafka.seconds)))
    silver = status.silver
    waits = silver.unknown or f"{_counted(silver.versions, 'version')} of bronze, {_counted(silver.rows, 'row')}"
    behind.append(("silver", waits, _seconds(silver.seconds)))
    for name, versions_behind in status.gold.items():
        behind.append((name, _inputs(versions_behind), ""))
    print_table(("how far behind", "what waits", "age of the oldest"), behind)


def _inputs(behind: Mapping[str, int] | None) -> str:
    if behind is None:
        return "unknown: no commit records its inputs"
    return ", ".join(f"{_counted(count, 'version')} of {name}" for name, count in behind.items()) or "nothing"


def _counted(count: int | None, noun: str) -> str:
    return f"{count or 0:,} {noun}{'' if count == 1 else 's'}"


def _seconds(seconds: float | None) -> str:
    return "unknown" if seconds is None else f"{seconds:,.1f} s"


def ago(age: timedelta) -> str:
    """An age in the largest unit that gives two or more: `90 s ago`, `3 h ago`."""
    seconds = max(0, round(age.total_seconds()))
    for unit, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length:,} {unit} ago"
    return f"{seconds} s ago"
