"""What all job files share: arguments, and how a failure ends."""

import shlex
import subprocess
import sys

import pytest

from lakehouse.errors import CheckFailedError, InputError
from lakehouse.jobs import run_job, stream_parser


def test_a_stream_job_ends_unless_it_has_a_trigger(capsys: pytest.CaptureFixture[str]) -> None:
    parser = stream_parser("A stream.")
    assert parser.parse_args([]).trigger is None
    assert parser.parse_args(["--trigger", "5s"]).trigger == "5000 milliseconds"
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(["--trigger", "soon"])
    assert ended.value.code == 2
    assert "'soon' is not an interval; write 500ms, 5s, 1m or 1h" in capsys.readouterr().err


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
            "lakehouse: first (unexpected ValueError; --debug shows the stack trace)",
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


RUN = "import sys; from lakehouse.jobs import run_job; from lakehouse.errors import CheckFailedError, InputError\n"


@pytest.mark.parametrize(
    ("body", "shell", "code"),
    [
        ("raise InputError('no file x')", "2>/dev/full", 2),
        ("raise CheckFailedError('3 rows lost')", "2>/dev/full", 1),
        ("raise InputError('no file x')", "2>&-", 2),
        ("print('a line'); return 0", ">&- 2>&- <&-", 0),
        ("return 0 if sys.stdout.isatty() or sys.stdin.read() else 3", ">&- <&-", 3),
    ],
)
def test_the_exit_code_stays_where_nothing_can_be_printed(body: str, shell: str, code: int) -> None:
    program = f"{RUN}def main():\n  {body}\nrun_job(main)"
    command = f"{shlex.join([sys.executable, '-c', program])} {shell}"
    assert subprocess.run(["/bin/sh", "-c", command], check=False, timeout=60).returncode == code
