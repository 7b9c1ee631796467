"""The audit on tables written by delta-rs, with given answers in place of Kafka's."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from deltalake import DeltaTable

from lakehouse.history import retention
from lakehouse.history.damage import DamageError
from lakehouse.history.retention import Removed
from lakehouse.kafka.client import Cluster
from lakehouse.kafka.topics import OffsetRanges
from lakehouse.lakehouse import Lakehouse, delete
from lakehouse.settings import Settings, load_settings
from lakehouse.tables import BRONZE_EVENTS, SILVER_BATCHES, SILVER_USERS
from operations.commands import audit as command
from operations.commands.audit import audit
from tests.support.folders import PROJECT
from tests.support.ledgers import TOPIC, at, batch, record, write, write_checkpoint, write_sound

PART = (TOPIC, 0)
NO_CLUSTER = Cluster("127.0.0.1:1")
METADATA = '{"id":"5ae5f6fd"}'
SILVER_OFFSETS = 'v1\n{}\n{"reservoirId":"a","reservoirVersion":2,"index":-1}\n-'
Answer = Callable[[OffsetRanges], None]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A lakehouse whose bronze has read the whole topic, in a folder whose name an address has to encode."""
    root = tmp_path / "raíz año #x"
    write_sound(root)
    write_checkpoint(root, BRONZE_EVENTS, 70)
    return load_settings().model_copy(update={"root": str(root)})


@pytest.fixture
def kafka_has(monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Sets the (earliest, next) offsets that Kafka answers; every offset in between has a record."""

    def existing(_: Cluster, __: object, ranges: Iterable[tuple[int, int]], **___: float) -> list[int]:
        return [offset for first, last in ranges for offset in range(first, last + 1)]

    def answer(offsets: OffsetRanges) -> None:
        monkeypatch.setattr(command, "end_offsets", lambda *_, **__: offsets)
        monkeypatch.setattr(command, "existing_offsets", existing)

    return answer


def test_what_adds_up(settings: Settings, kafka_has: Answer) -> None:
    kafka_has({PART: (0, 70)})
    [found], totals, faults = audit(settings, NO_CLUSTER)
    assert faults == []
    assert found[2:13] == (0, 70, 70, 0, 0, 0, 0, 0, 0, 70, 0)
    assert totals[:7] == (70, 67, 1, 1, 1, 67, 1)


@pytest.mark.parametrize(
    ("gone", "kafka", "fault"),
    [
        ('"offset" IN (40, 41, 42, 50)', (0, 70), "4 records that Kafka has are missing in bronze: 40-42, 50"),
        # those that Kafka has dropped since are none that it has
        ('"offset" IN (40, 50)', (45, 70), "1 records that Kafka has are missing in bronze: 50"),
        ('"offset" = 0', (0, 70), "1 records that Kafka has are missing in bronze: 0"),
        # bronze's checkpoint has passed the last one
        ('"offset" = 69', (0, 70), "1 records that Kafka has are missing in bronze: 69"),
        ('"offset" % 2 = 1', (0, 8), "4 records that Kafka has are missing in bronze: 1, 3, 5, ..."),
    ],
)
def test_what_bronze_lacks_and_kafka_has(
    settings: Settings, kafka_has: Answer, gone: str, kafka: tuple[int, int], fault: str
) -> None:
    DeltaTable(f"{settings.root}/bronze/events").delete(gone)
    kafka_has({PART: kafka})
    assert f"users-0: {fault}" in audit(settings, NO_CLUSTER)[2]


def test_an_accepted_loss_is_no_missing_record(settings: Settings, kafka_has: Answer) -> None:
    table = DeltaTable(f"{settings.root}/bronze/events")
    table.alter.set_table_properties({f"lakehouse.lost.{TOPIC}-0": "70-74"}, raise_if_not_exists=False)
    write(Path(settings.root), BRONZE_EVENTS, [record(75)])
    kafka_has({PART: (75, 76)})
    [found], _, faults = audit(settings, NO_CLUSTER)
    assert (found.expired, found.no_record, found.unrefined, faults) == (5, 0, 1, [])


def remove(root: Path, condition: str, gone: Removed) -> None:
    """As retention does, from the table that has read the topic."""
    opened = Lakehouse(root).delta(BRONZE_EVENTS)
    delete(opened, condition, retention.record(opened, {PART: gone}, at(0)))


def test_records_that_retention_removed_are_no_fault(settings: Settings, kafka_has: Answer) -> None:
    """Kafka still has them, and silver and its quarantine hold what came of them."""
    remove(Path(settings.root), '"offset" < 65', Removed(0, 65, 65, 65))
    kafka_has({PART: (0, 70)})
    [found], totals, faults = audit(settings, NO_CLUSTER)
    assert faults == []
    assert (found.bronze, found.removed, found.no_record, found.refined, found.unrefined) == (5, 65, 0, 70, 0)
    assert totals.rows_in == 70


def test_a_record_that_is_missing_beside_removed_ones_is_a_fault(settings: Settings, kafka_has: Answer) -> None:
    remove(Path(settings.root), '"offset" < 65', Removed(0, 64, 64, 64))
    kafka_has({PART: (0, 70)})
    assert audit(settings, NO_CLUSTER)[2] == [
        "users-0: 1 records that Kafka has are missing in bronze: 64",
        "users-0: 1 records of silver are not in bronze",
        "users-0: silver's batches took 70 rows of the 69 that bronze has up to there",
    ]


def test_a_partition_all_of_whose_records_were_removed(settings: Settings, kafka_has: Answer) -> None:
    remove(Path(settings.root), "true", Removed(0, 70, 70, 70))
    kafka_has({PART: (70, 70)})
    [found], _, faults = audit(settings, NO_CLUSTER)
    assert (found.removed, found.expired, found.no_record, found.unread, faults) == (70, 0, 0, 0, [])


def test_a_fault_counts_only_if_no_table_has_changed_since(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silver's rows are there before the batch that reports them: the audit looks again."""
    root, asked = Path(settings.root), []
    write(root, BRONZE_EVENTS, [record(70)])
    write(root, SILVER_BATCHES, [batch(0, 0, 0, 0, last=70)])

    def answers(*_: object, **__: object) -> OffsetRanges:
        if not asked:
            write(root, SILVER_BATCHES, [batch(0, 1, 0, 0, last=70)])
        asked.append(1)
        return {PART: (0, 71)}

    monkeypatch.setattr(command, "end_offsets", answers)
    monkeypatch.setattr(command, "existing_offsets", lambda *_, **__: [])
    assert audit(settings, NO_CLUSTER)[2] == []
    assert len(asked) == 2


def test_a_fault_counts_only_once_silver_has_written_its_batch(settings: Settings, kafka_has: Answer) -> None:
    """Between two commits no table changes for seconds, and the checkpoint shows the batch as begun."""
    root, checkpoint = Path(settings.root), Path(settings.root, "checkpoints", "silver")
    for file, text in {"metadata": METADATA, "offsets/0": SILVER_OFFSETS}.items():
        (checkpoint / file).parent.mkdir(parents=True, exist_ok=True)
        (checkpoint / file).write_text(text)
    write(root, BRONZE_EVENTS, [record(70)])
    write(root, SILVER_USERS, [record(70)])
    kafka_has({PART: (0, 71)})

    def end() -> None:
        write(root, SILVER_BATCHES, [batch(1, 0, 0, 0, last=70)])
        (checkpoint / "commits").mkdir()
        (checkpoint / "commits" / "0").write_text("v1\n{}")

    ending = threading.Timer(1, end)
    ending.start()
    assert audit(settings, NO_CLUSTER)[2] == []
    ending.join()


def test_a_fault_that_stays_is_looked_at_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    write(Path(settings.root), BRONZE_EVENTS, [record(3)])
    monkeypatch.setattr(command, "end_offsets", lambda *_, **__: asked.append(1) or {PART: (0, 70)})
    assert audit(settings, NO_CLUSTER)[2][0] == "users-0: 1 bronze rows are there twice"
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("file", "fault"),
    [
        ("checkpoints/bronze/events/offsets/0", "empty"),
        ("bronze/events/_delta_log/00000000000000000000.json", "empty"),
    ],
)
def test_a_damaged_file_is_named(settings: Settings, kafka_has: Answer, file: str, fault: str) -> None:
    kafka_has({PART: (0, 70)})
    Path(settings.root, file).write_bytes(b"")
    with pytest.raises(DamageError, match=rf"{file} is {fault}; "):
        audit(settings, NO_CLUSTER)


def test_a_data_file_that_is_gone_is_named(settings: Settings, kafka_has: Answer) -> None:
    kafka_has({PART: (0, 70)})
    [file] = Path(settings.root, "bronze", "events").glob("*.parquet")
    file.unlink()
    with pytest.raises(DamageError, match=rf"{file.name} is missing; put it back"):
        audit(settings, NO_CLUSTER)


@pytest.mark.parametrize(
    "damaged", [slice(4, 300), slice(-60, -10), slice(-4, None)], ids=["rows", "footer", "end"]
)
def test_a_data_file_that_cannot_be_decoded_is_named(
    settings: Settings, kafka_has: Answer, damaged: slice
) -> None:
    """Its size is right, and delta-rs does not say which file it is."""
    kafka_has({PART: (0, 70)})
    [file] = Path(settings.root, "silver", "users").glob("*.parquet")
    content = bytearray(file.read_bytes())
    content[damaged] = b"\xff" * len(content[damaged])
    file.write_bytes(content)
    with pytest.raises(DamageError, match=rf"{file.name} is damaged \(.*rebuild silver builds silver again"):
        audit(settings, NO_CLUSTER)


def test_counting_imports_no_pandas(settings: Settings) -> None:
    """It would be half of the command's time and a quarter of its memory, and some conversions import it."""
    program = (
        "import sys\n"
        "from lakehouse.lakehouse import Lakehouse\n"
        "from operations.audit.ledger import count_records, count_totals\n"
        "from operations.audit.pinned import Pinned\n"
        "from operations.audit.resolutions import count_resolutions\n"
        "tables = Pinned(Lakehouse(sys.argv[1]))\n"
        "print(len(count_records(tables)), count_totals(tables).rows_in, count_resolutions(tables))\n"
        "sys.exit('pandas' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, settings.root], capture_output=True, text=True, cwd=PROJECT, check=False
    )
    assert (done.returncode, done.stdout) == (0, "1 70 {}\n"), done.stderr
