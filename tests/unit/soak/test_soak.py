"""The parts of the soak that need no process: what it sends, what it does when, and what it finds too much."""

from collections import Counter
from itertools import islice

from lakehouse.settings import load_settings
from producers.sending.records import Record
from silver.conditions import Rules
from silver.parsing.wire import read_record
from silver.rules import RULE_NAMES, reasons
from tests.soak.figures import Run, faults, lines
from tests.soak.records import feeds
from tests.soak.samples import Sample, TableSample, quarters, thirds
from tests.soak.schedule import disturbances, milestones

RECORDS = 1_000
RULES = Rules(frozenset(load_settings().silver.clasificaciones), 3600)


def sent(seed: int) -> dict[str, list[Record]]:
    return {feed.topic: [*islice(feed.records, RECORDS)] for feed in feeds(load_settings().kafka, seed)}


def text(raw: bytes | None) -> tuple[str | None, bytes | None]:
    try:
        return (None, None) if raw is None else (raw.decode(), None)
    except UnicodeDecodeError:
        return None, raw


def broken(record: Record) -> set[str]:
    found = read_record(*text(record.key), *text(record.value), (record.timestamp_ms or 0) * 1000)
    return {reason.rule for reason in reasons(found, RULES)}


def test_a_seed_sends_the_same_again() -> None:
    first, again, other = (feeds(load_settings().kafka, seed)[0].records for seed in (1, 1, 2))
    assert [*islice(first, 200)] == [*islice(again, 200)] != [*islice(other, 200)]


def test_every_rule_is_broken() -> None:
    found = Counter(rule for records in sent(3).values() for record in records for rule in broken(record))
    assert found.keys() == RULE_NAMES


def test_records_are_updated_repeated_late_and_deleted() -> None:
    for topic, records in sent(4).items():
        versions = {record for record in records if record.value is not None}
        values = [record for record in records if record.value is not None]
        assert len(versions) < len(values), f"{topic}: none is sent twice"
        assert len({record.key for record in values}) < len(versions), f"{topic}: none is updated"
        assert any(record.value is None for record in records), f"{topic}: none is deleted"


def test_a_seed_gives_the_same_disturbances() -> None:
    first, again, other = ([(one.kind, one.pause) for one in islice(disturbances(seed), 46)] for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert Counter(kind for kind, _ in first[:23]) == Counter(kind for kind, _ in first[23:])
    assert milestones(1, 600) == milestones(1, 600)
    assert milestones(1, 600)["upgrade"] < milestones(1, 600)["retention"]


def sample(at: float, age: float, megabytes: float, *, pid: int = 1, threads: int = 30) -> Sample:
    return Sample(at, "silver: JVM", pid, age, megabytes, threads, 50)


def run(samples: list[Sample], *tables: TableSample, calm_since: float = 900.0) -> Run:
    third = [*thirds(samples, lasted=900.0)]
    calm = [*quarters(samples, begin=calm_since, end=900.0)]
    return Run(1, 600.0, 900.0, 10, 2, {"silver": {"rows_in": 10}}, Counter({"look": 2}), third, calm, tables)


def test_processes_of_the_same_age_are_compared() -> None:
    """The younger one of the last third does not hide that it grows, nor does an older one look as if it did."""
    steady = [*(sample(400 + age, age, 100 + age) for age in range(0, 90, 2))]
    longer = [*(sample(700 + age, age, 100 + age, pid=2) for age in range(0, 180, 2))]
    fat = [one._replace(megabytes=2 * one.megabytes) for one in longer]
    assert [*faults(run(steady + longer))] == []
    assert [*faults(run(steady + fat))] == ["silver: JVM grew in the last third: 144 to 289 MB"]


def test_what_a_process_keeps_shows_in_the_calm() -> None:
    samples = [sample(500 + age, age, 100 + 3 * age, threads=30 + 2 * age) for age in range(0, 400, 2)]
    assert [*faults(run(samples, calm_since=500.0))] == [
        "silver: JVM grew in the calm: 847 to 1147 MB",
        "silver: JVM has more threads in the calm: 528, then 728",
    ]


def test_threads_that_end_after_seconds_are_no_growth() -> None:
    """delta-rs reads a long log with some hundred threads."""
    calm = [sample(500 + age, age, 100) for age in range(0, 400, 2)]
    peak = [sample(890, 390, 100, threads=160)]
    assert [*faults(run([*calm, *peak], calm_since=500.0))] == []


def test_too_many_files_are_a_fault_and_all_is_in_the_table() -> None:
    few, many = (TableSample(1.0, name, files, 300, 40) for name, files in (("silver.users", 50), ("b", 111)))
    found = run([sample(400, 10, 100), sample(700, 10, 100)], few, many)
    assert [*faults(found)] == ["b had 111 files in one version"]
    assert any(line.startswith("silver.users ") and "50 -> 50" in line for line in lines(found))
