"""Where the tests kill drivers: between any two commits of a micro-batch, and while they create their tables."""

from pathlib import Path
from typing import NamedTuple

from lakehouse.settings import Settings
from lakehouse.tables import layer_tables
from producers.made_up.activity import feedback_records
from producers.made_up.entities import movie_records, series_records, user_records
from producers.sending.records import Record
from tests.support.processes import Running, await_condition
from tests.support.sending import send_all
from tests.support.undisturbed import numbered_files


class Point(NamedTuple):
    """A place between two commits: its job, and the folder in which a new file marks that it was reached."""

    module: str
    folder: str
    suffix: str
    checkpoint: str


def point(layer: str, folder: str, suffix: str = ".json") -> Point:
    module = {"bronze": "bronze.ingest", "silver": "silver.refine"}[layer]
    checkpoint = {"bronze": "checkpoints/bronze/events", "silver": "checkpoints/silver"}[layer]
    return Point(module, folder, suffix, checkpoint)


POINTS = {
    "bronze: a batch is planned": point("bronze", "checkpoints/bronze/events/offsets", ""),
    "bronze: after Kafka is read": point("bronze", "bronze/events", ".parquet"),
    "bronze: after the table's commit, before the checkpoint's": point("bronze", "bronze/events/_delta_log"),
    "silver: a batch is planned": point("silver", "checkpoints/silver/offsets", ""),
    "silver: after the quarantine's commit": point("silver", "silver/quarantine/_delta_log"),
    "silver: after the commit of users": point("silver", "silver/users/_delta_log"),
    "silver: after the commit of content": point("silver", "silver/content/_delta_log"),
    "silver: after the commit of feedback": point("silver", "silver/feedback/_delta_log"),
    "silver: after the commit of tombstones": point("silver", "silver/tombstones/_delta_log"),
    "silver: after the commit of batches, before the checkpoint's": point("silver", "silver/batches/_delta_log"),
}

# The tables that each driver creates, in order.
MADE = {
    "bronze.ingest": ("bronze/events", "bronze/feedback"),
    "silver.refine": tuple(f"silver/{table.name}" for table in layer_tables("silver")),
}


def send_batch(settings: Settings, seed: int) -> None:
    """Send some records of every kind, valid and invalid, with a deletion of an entity from an earlier batch."""
    kafka = settings.kafka
    users = [*user_records(seed, 30, dirty=0.2)]
    deletions = [Record(record.key, None, record.timestamp_ms) for record in user_records(seed - 1, 3)]
    send_all(
        kafka,
        (kafka.users_topic, [*users, *deletions]),
        (kafka.movies_topic, [*movie_records(seed, 20, dirty=0.2)]),
        (kafka.series_topic, [*series_records(seed, 10)]),
        (kafka.feedback_topic, [*feedback_records(seed, 40, users=30, movies=20, series=10, dirty=0.2)]),
    )


def open_batches(checkpoint: str) -> set[str]:
    """The micro-batch that is planned and not finished, if there is one."""
    return numbered_files(f"{checkpoint}/offsets", "") - numbered_files(f"{checkpoint}/commits", "")


def await_batch(settings: Settings, name: str, driver: Running) -> None:
    """Wait until the point's stream has planned a micro-batch: by then it has created its tables."""
    checkpoint = f"{settings.root}/{POINTS[name].checkpoint}"
    await_condition(lambda: bool(open_batches(checkpoint)) or not driver.alive(), f"{name}: a batch")


def kill_in_batch(settings: Settings, name: str, driver: Running) -> None:
    """Kill the driver as soon as the point's file exists, in an unfinished micro-batch."""
    where = POINTS[name]
    folder, checkpoint = f"{settings.root}/{where.folder}", f"{settings.root}/{where.checkpoint}"
    before = numbered_files(folder, where.suffix)
    await_condition(
        lambda: bool(numbered_files(folder, where.suffix) - before) or not driver.alive(), name, every=0.001
    )
    was_alive = driver.alive()
    open_batch = open_batches(checkpoint)
    driver.kill()
    assert was_alive, driver.said()[-2000:]
    assert open_batch, f"{name}: the batch had ended already"
    assert not open_batch & numbered_files(f"{checkpoint}/commits", ""), f"{name}: the batch ended before the kill"


def kill_in_making(settings: Settings, table: str, driver: Running) -> None:
    """Kill the driver as soon as the table has a log folder, which is before the log's first commit."""
    log = Path(settings.root, table, "_delta_log")
    await_condition(lambda: log.is_dir() or not driver.alive(), f"{table} is being made", every=0.001)
    driver.kill()
    assert log.is_dir(), driver.said()[-2000:]
    assert numbered_files(log, ".json") == set(), f"{table} was made already"
