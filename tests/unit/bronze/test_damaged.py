"""Whether Kafka can give back the records of a damaged bronze table: from files and offsets alone, no Spark."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from bronze.damaged import Memory, read_again, remember, with_loss
from bronze.resume import Topics, topic_properties
from lakehouse.folders import open_folder
from lakehouse.history.damage import Damage
from lakehouse.kafka.bronze_sources import BronzeSource
from lakehouse.spark.checkpoints import Offsets
from lakehouse.tables import BRONZE_EVENTS

DAMAGE = Damage("/lake/bronze/events/part-0.parquet", "empty", "read Kafka again", "rows")
SOURCE = BronzeSource(BRONZE_EVENTS, ("movies", "users"))
IDS = {"movies": "m", "users": "u"}
WHOLE = Topics(IDS, {("movies", 0): (0, 5), ("users", 0): (0, 10)})
READ_TO: Offsets = {("movies", 0): 5, ("users", 0): 10}
MEMORY = Memory(topic_properties(IDS), READ_TO)
GIVE_UP = "or give up these records: lakehouse rebuild bronze --accept-loss"
FROM_KAFKA = "empty, and Kafka no longer has all records of its table"


@pytest.mark.parametrize("memory", [MEMORY, Memory({}, {})], ids=["remembered", "nothing remembered"])
def test_nothing_is_lost_while_kafka_has_all_records(memory: Memory) -> None:
    assert with_loss(DAMAGE, SOURCE, memory, WHOLE) == DAMAGE
    assert read_again(SOURCE, memory, WHOLE) == ["movies", "users"]


@pytest.mark.parametrize(
    ("topics", "fault"),
    [
        (WHOLE._replace(offsets={("users", 0): (4, 10)}), "(users-0 0-3)"),
        (
            WHOLE._replace(ids={**IDS, "users": "u2"}),
            "(topic users was deleted and recreated, or belongs to another cluster)",
        ),
        (WHOLE.of(["movies"]), "(topic users does not exist)"),
        # Kafka was put back from an older copy
        (WHOLE._replace(offsets={("users", 0): (0, 7)}), "(users-0 7-9)"),
        (
            Topics({"users": "u"}, {("users", 0): (2, 7)}),
            "(topic movies does not exist, users-0 0-1, users-0 7-9)",
        ),
    ],
)
def test_what_kafka_can_no_longer_give_back(topics: Topics, fault: str) -> None:
    loss = with_loss(DAMAGE, SOURCE, MEMORY, topics)
    assert loss.fault == f"{FROM_KAFKA} {fault}"
    assert loss.todo == f"restore that file from a copy, {GIVE_UP}"
    assert "\n" not in str(loss.error())


@pytest.mark.parametrize(
    "memory",
    [
        Memory(topic_properties({**IDS, "old-users": "o"}), READ_TO),
        Memory({}, {**READ_TO, ("old-users", 0): 3}),  # the log is unreadable
    ],
)
def test_topics_that_the_settings_no_longer_give_the_table(memory: Memory) -> None:
    loss = with_loss(DAMAGE, SOURCE, memory, WHOLE)
    assert loss.fault == "empty, and the settings no longer assign old-users to its table"
    assert loss.todo == f"restore that file from a copy, set the old topic names again, {GIVE_UP}"
    assert read_again(SOURCE, memory, WHOLE) == ["movies", "users"]


def test_a_topic_that_the_other_table_has_read_too() -> None:
    loss = with_loss(DAMAGE, SOURCE, MEMORY, WHOLE, elsewhere={"users", "feedback"})
    assert loss.fault == "empty, and the other bronze table resumes after its own records of users"
    assert loss.todo == f"restore that file from a copy, {GIVE_UP}"


def test_a_topic_that_the_table_never_read_is_not_read_again() -> None:
    memory = Memory(topic_properties({"users": "u"}), {})
    assert read_again(SOURCE, memory, WHOLE) == ["users"]


def make_table(root: Path, commits: int) -> Path:
    """A table whose first commit records its topics; returns the folder of its log."""
    path = root / "bronze" / "events"
    for number in range(commits):
        write_deltalake(path, pa.table({"id": [str(number)]}), mode="append")
    first = path / "_delta_log" / f"{0:020d}.json"
    # delta-rs sets no properties of others, as Spark does
    recorded = json.dumps(topic_properties({"users": "u"}))
    first.write_text(first.read_text().replace('"configuration":{}', f'"configuration":{recorded}'))
    return first.parent


def remembered(root: Path) -> Memory:
    return remember(open_folder(str(root)), SOURCE)


@pytest.mark.parametrize("damaged", [0, 1])
def test_a_table_with_a_damaged_commit_remembers_its_topics(tmp_path: Path, damaged: int) -> None:
    log = make_table(tmp_path, commits=3)
    DeltaTable(log.parent).create_checkpoint()
    (log / f"{damaged:020d}.json").write_bytes(b'{"metaD')
    assert remembered(tmp_path).topics == {"users"}


def test_a_table_whose_first_commits_are_cleaned_up_remembers_its_topics(tmp_path: Path) -> None:
    log = make_table(tmp_path, commits=3)
    DeltaTable(log.parent).create_checkpoint()
    for commit in log.glob("*.json"):
        commit.unlink()
    assert remembered(tmp_path).topics == {"users"}


def test_a_damaged_log_checkpoint_is_passed_over(tmp_path: Path) -> None:
    log = make_table(tmp_path, commits=3)
    (log / f"{2:020d}.checkpoint.parquet").write_bytes(b"PAR1")
    assert remembered(tmp_path).topics == {"users"}


def test_without_a_readable_file_nothing_is_remembered(tmp_path: Path) -> None:
    assert remembered(tmp_path) == Memory({}, {})


@pytest.mark.parametrize("last", ["", "v1\n{}\n", 'v1\n{}\n{"users":{"0"', "v1\n{}\n-"])
def test_the_newest_readable_offsets_count(tmp_path: Path, last: str) -> None:
    offsets = tmp_path / "checkpoints" / "bronze" / "events" / "offsets"
    offsets.mkdir(parents=True)
    for batch, text in enumerate(['v1\n{}\n{"users":{"0":4}}', 'v1\n{}\n{"users":{"0":7,"1":2}}', last]):
        (offsets / str(batch)).write_text(text)
    assert remembered(tmp_path).read_to == {("users", 0): 7, ("users", 1): 2}
