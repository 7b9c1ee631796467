"""Pacing, the summary line, and the arguments; sending itself is tested on a real broker."""

import time

import pytest

from lakehouse.errors import CheckFailedError
from producers.made_up.timeline import DEFAULT_START, feedback_instants, wall_clock
from producers.sending import delivery, entry
from producers.sending.delivery import Delivery
from producers.sending.records import Record

RECORDS = [Record(str(number).encode(), b"{}", number) for number in range(40)]


def test_the_line_names_all_counts_and_the_rate() -> None:
    line = Delivery(sent=2000, delivered=1995, failed=5, seconds=0.5).line("users")
    assert line == "users: 2,000 sent, 1,995 delivered, 5 failed, 3,990 records/s"


def test_an_undelivered_record_fails_the_run_with_the_first_error() -> None:
    with pytest.raises(CheckFailedError, match="1 of 2,000 users records were not delivered: KafkaTimeout"):
        Delivery(2000, 1999, 1, 1.0, "KafkaTimeout").require_complete("users")
    assert CheckFailedError.exit_code == 1
    Delivery(2000, 2000, 0, 1.0).require_complete("users")


def test_records_keep_to_the_schedule() -> None:
    began = time.monotonic()
    assert list(delivery._paced(iter(RECORDS), 200.0, delivery.never)) == RECORDS
    # the last of 40 records is due 39 / 200 s after the first
    assert 0.195 <= time.monotonic() - began < 1.0


def test_a_pause_of_the_reader_is_made_up_for() -> None:
    paced = delivery._paced(iter(RECORDS), 100.0, delivery.never)
    first = next(paced)
    behind = time.monotonic() + 0.5
    while time.monotonic() < behind:
        pass
    began = time.monotonic()
    # the rest is overdue: a drifting pace would take another 0.39 s
    assert [first, *paced] == RECORDS
    assert time.monotonic() - began < 0.2


def test_a_stop_ends_the_records_and_takes_none_more() -> None:
    records = iter(RECORDS)
    asked = iter([False] * 3 + [True])
    assert list(delivery._paced(records, None, lambda: next(asked))) == RECORDS[:3]
    assert next(records) == RECORDS[3]


def test_a_slow_pace_is_left_when_a_stop_comes() -> None:
    asked = iter([False, False, False, False, True, True])
    began = time.monotonic()
    # the second record would be due in 100 s
    assert list(delivery._paced(iter(RECORDS), 0.01, lambda: next(asked))) == RECORDS[:1]
    assert time.monotonic() - began < 5


def test_without_seed_or_start_events_happen_now() -> None:
    parser = entry.producer_parser("test")
    live = entry.chosen_instants(parser.parse_args([]), feedback_instants)
    assert abs(next(live) / 1000 - time.time()) < 5
    seeded = entry.chosen_instants(parser.parse_args(["--seed", "1", "--count", "9"]), feedback_instants)
    assert next(seeded) == (int(DEFAULT_START.timestamp()) + 24 * 3600) * 1000
    started = entry.chosen_instants(parser.parse_args(["--start", "2024-03-01"]), feedback_instants)
    assert next(started) == 1709337600000  # a day later, at UTC
    assert next(wall_clock()) > 1.7e12


def test_a_drawn_seed_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    seed = entry.chosen_seed("users", None)
    assert capsys.readouterr().out == f"users: seed {seed}\n"
    assert entry.chosen_seed("users", 5) == 5
