"""The times in ratings.csv: accepted in every format that silver reads, or refused before anything is sent."""

import json
from pathlib import Path
from typing import Any

import pytest

from lakehouse.errors import InputError
from lakehouse.moments import event_time
from producers.real.movielens import require_folder
from producers.replay import Replay, read_replay
from producers.sending.records import Record

MOVIES = "movieId,title,genres\n1,A Film (1999),Drama\n"


def replayed(folder: Path, *times: str) -> Replay:
    """Ratings of one user at these times."""
    rows = "".join(f'7,{movie},4.0,"{time}"\n' for movie, time in enumerate(times, start=1))
    (folder / "movies.csv").write_text(MOVIES, encoding="utf-8")
    (folder / "ratings.csv").write_text(f"userId,movieId,rating,timestamp\n{rows}", encoding="utf-8")
    return read_replay(None, folder)


def event(record: Record) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(record.value or b"")
    return found


@pytest.mark.parametrize(
    ("text", "expected", "kafka_ms"),
    [
        ("2005-04-02 21:32:00", "2005-04-02T21:32:00.000Z", 1112477520000),  # no zone is UTC
        ("2005-04-02T21:32:00", "2005-04-02T21:32:00.000Z", 1112477520000),
        ("2005-04-02T21:32:00Z", "2005-04-02T21:32:00.000Z", 1112477520000),
        ("2005-04-02T21:32", "2005-04-02T21:32:00.000Z", 1112477520000),
        ("2005-04-02 16:32:00-05:00", "2005-04-02T21:32:00.000Z", 1112477520000),
        ("2005-04-03T03:02:00+0530", "2005-04-02T21:32:00.000Z", 1112477520000),
        ("2005-04-02 21:32:00.25", "2005-04-02T21:32:00.250Z", 1112477520250),
        ("2005-04-02T21:32:00.123456Z", "2005-04-02T21:32:00.123456Z", 1112477520123),  # no digit is lost
        ("1112477520", "2005-04-02T21:32:00.000Z", 1112477520000),
        (" 1112477520 ", "2005-04-02T21:32:00.000Z", 1112477520000),
        ("1112477520.0", "2005-04-02T21:32:00.000Z", 1112477520000),  # as pandas writes a column with gaps
        ("1112477520.5", "2005-04-02T21:32:00.500Z", 1112477520500),
        ("1112477520250", "2005-04-02T21:32:00.250Z", 1112477520250),  # milliseconds
        ("0", "1970-01-01T00:00:00.000Z", 0),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z", 253402300799999),
    ],
)
def test_a_time_is_read_as_silver_reads_it(tmp_path: Path, text: str, expected: str, kafka_ms: int) -> None:
    (record,) = replayed(tmp_path, text).feedback
    assert (event(record)["timestamp"], record.timestamp_ms) == (expected, kafka_ms)
    assert event_time(expected) == event_time(text.strip())  # not a microsecond is lost on the way


def test_forms_may_differ_from_cell_to_cell(tmp_path: Path) -> None:
    replay = replayed(
        tmp_path, "1112477520", "2005-04-02 21:33:00", "1112477640000", "2005-04-02T21:35:00.000001Z"
    )
    times = [event(record)["timestamp"] for record in replay.feedback]
    assert [time[11:] for time in times] == ["21:32:00.000Z", "21:33:00.000Z", "21:34:00.000Z", "21:35:00.000001Z"]
    (user,) = map(event, replay.users)
    assert (user["fecha_suscripcion"], user["timestamp"]) == ("2005-04-02", "2005-04-02T21:35:00.000001Z")


@pytest.mark.parametrize(
    "text",
    [
        "later",
        "",
        "2005-04-02",  # a day is not a moment
        "02/04/2005 21:32",  # of which month?
        "2005-02-30 12:00:00",  # not a real date
        "2005-04-02 25:00:00",
        "1969-12-31T23:59:59Z",  # before the earliest event time
        "-1",
        "1112477520000000",  # microseconds: silver does not read them either
        "1.112e9",
        "10000-01-01T00:00:00Z",
        "999999999999999",  # milliseconds of the year 33658
    ],
)
def test_a_time_that_cannot_be_read_is_one_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError) as caught:
        replayed(tmp_path, "1112477520", text)
    assert str(caught.value) == (
        f"{tmp_path}/ratings.csv: column timestamp of the row at byte 53 (line 3): {text!r} is not a time that "
        "silver reads; expected ISO 8601 (2005-04-02T21:32:00Z; without a zone it is UTC), or seconds or "
        "milliseconds since 1970"
    )
    assert caught.value.exit_code == 2


def test_all_unreadable_times_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"\(line 2\): 'x{40}\.\.\.' is not .* \(the first of 3 such rows\); expected"
    ):
        replayed(tmp_path, "x" * 1000, "1", "never", "soon")


def test_a_folder_that_cannot_be_looked_up_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^cannot read .*/x+: File name too long; name a folder "):
        require_folder(tmp_path / ("x" * 256))
