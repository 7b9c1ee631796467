"""What all job files share: intervals, arguments, and how a failure ends."""

import argparse
import sys

import pytest

from lakehouse.errors import CheckFailedError, InputError
from lakehouse.jobs import duration, interval, run_job, stream_parser

INTERVALS = {
    "500ms": "500 milliseconds",
    "5s": "5000 milliseconds",
    "1.5s": "1500 milliseconds",
    "1m": "60000 milliseconds",
    "2h": "7200000 milliseconds",
    " 10 s ": "10000 milliseconds",
    "0s": "0 milliseconds",  # as fast as possible
}
NO_INTERVALS = ("", "5", "s", "-5s", "5 seconds", "5d", "1,5s", "5s 3m", ".5s", "1e3ms", "5S")


@pytest.mark.parametrize("text", INTERVALS)
def test_an_interval_is_read(text: str) -> None:
    assert interval(text) == INTERVALS[text]


@pytest.mark.parametrize("text", NO_INTERVALS)
def test_no_interval_is_guessed(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="write 500ms, 5s, 1m or 1h"):
        interval(text)


@pytest.mark.parametrize(("text", "seconds"), [("500ms", 0.5), ("60s", 60.0), ("1.5m", 90.0), ("2h", 7200.0)])
def test_a_duration_is_read_in_seconds(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", [*NO_INTERVALS, "0s", "0ms"])
def test_no_duration_is_guessed_and_none_is_nothing(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="write 500ms, 5s, 1m or 1h"):
        duration(text)


def test_a_stream_job_ends_unless_it_is_told_a_trigger(capsys: pytest.CaptureFixture[str]) -> None:
    parser = stream_parser("A stream.")
    assert parser.parse_args([]).trigger is None
    assert parser.parse_args(["--trigger", "5s"]).trigger == "5000 milliseconds"
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(["--trigger", "soon"])
    assert ended.value.code == 2
    assert "'soon' is no interval; write 500ms, 5s, 1m or 1h" in capsys.readouterr().err


def raising(error: BaseException) -> int:
    raise error


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("no file x", todo="name one"), 2, "lakehouse: no file x; name one"),
        (CheckFailedError("3 rows lost"), 1, "lakehouse: 3 rows lost"),
        (
            FileNotFoundError(2, "No such file or directory", "/x"),
            2,
            "lakehouse: No such file or directory: /x",
        ),
        (
            PermissionError(13, "Permission denied", "/x"),
            2,
            "lakehouse: no permission for /x; make it writable or set LAKEHOUSE_ROOT to another folder",
        ),
        (
            ValueError("first\nsecond"),
            2,
            "lakehouse: first (an unforeseen ValueError; --debug shows where)",
        ),
        (KeyboardInterrupt(), 130, "stopped"),
    ],
    ids=lambda part: type(part).__name__,
)
def test_a_failure_is_one_line_and_an_exit_code(
    error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["job.py"])
    with pytest.raises(SystemExit) as ended:
        run_job(lambda: raising(error))
    assert ended.value.code == code
    assert capsys.readouterr().err == f"{line}\n"


def test_debug_shows_the_stack_trace_before_the_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["job.py", "--debug"])
    with pytest.raises(SystemExit):
        run_job(lambda: raising(InputError("no file x")))
    shown = capsys.readouterr().err
    assert shown.startswith("Traceback (most recent call last)")
    assert shown.endswith("lakehouse: no file x\n")


@pytest.mark.parametrize(("answer", "code"), [(None, 0), (0, 0), (3, 3)])
def test_what_main_returns_is_the_exit_code(answer: int | None, code: int) -> None:
    with pytest.raises(SystemExit) as ended:
        run_job(lambda: answer)
    assert ended.value.code == code
