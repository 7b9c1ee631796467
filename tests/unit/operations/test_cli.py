"""`main` with settings, session and output from its caller, and with those of a shell."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import cast

import pytest
from pyspark.sql import SparkSession

from lakehouse.errors import CheckFailedError
from lakehouse.settings import Settings, load_settings
from operations.call import Call
from operations.cli import main
from tests.support.folders import PROJECT
from tests.support.outcome import Outcome

# Every command that needs Spark, but no Kafka and no existing table.
WITH_SPARK = (
    ("run", "--select", "gold"),
    ("quarantine", "replay"),
    ("rebuild", "gold"),
    ("sql", "SELECT 1"),
)


class NoSession:
    """A session factory that records the requests, and fails."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Path | None, bool]] = []

    def __call__(
        self, name: str, *, log_file: Path | None = None, lasting: bool = False
    ) -> AbstractContextManager[SparkSession]:
        self.asked.append((name, log_file, lasting))
        raise CheckFailedError("no Spark today")


@pytest.fixture
def given(tmp_path: Path) -> Settings:
    """Settings with values that no environment has."""
    base = load_settings()
    kafka = base.kafka.model_copy(update={"bootstrap_servers": "", "embedded_port": 0})
    return base.model_copy(update={"root": str(tmp_path / "given"), "kafka": kafka})


def call(
    arguments: Sequence[str], *, settings: Settings | None = None, session: NoSession | None = None
) -> Outcome:
    out, err = io.StringIO(), io.StringIO()
    code = main(arguments, settings=settings, session=session or NoSession(), stdout=out, stderr=err)
    return Outcome(code, out.getvalue(), err.getvalue())


def test_given_settings_are_used_and_the_environment_is_not_read(
    given: Settings, conf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (conf / "lakehouse.toml").write_text("no TOML")
    monkeypatch.setenv("LAKEHOUSE_ROOTT", "no setting")
    code, out, err = call(["config", "--json"], settings=given)
    assert (code, err) == (0, "")
    assert json.loads(out) == given.model_dump(mode="json")
    assert capsys.readouterr() == ("", "")


def test_tables_go_to_the_given_output_too(given: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """rich draws them on its own console."""
    code, out, err = call(["config"], settings=given)
    assert (code, err) == (0, "")
    assert "kafka.embedded_port" in out
    assert capsys.readouterr() == ("", "")


def test_the_files_for_spark_submit_exist(
    conf: Path, given: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of the environment: settings that a caller gives come from no file."""
    (conf / "lakehouse.own.toml").write_text("")
    (conf / "spark-defaults.conf").write_text("")
    monkeypatch.setenv("LAKEHOUSE_ENV", "own")
    monkeypatch.delenv("SPARK_CONF_DIR", raising=False)
    code, out, err = call(["config", "--files", "--json"], settings=given)
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert found["settings"] == [str(conf / "lakehouse.toml"), str(conf / "lakehouse.own.toml")]
    assert found["spark_defaults"] == str(conf / "spark-defaults.conf")
    assert Path(found["jobs"], "bronze", "ingest.py").is_file()
    assert call(["config", "--files"], settings=given).out.count(str(conf)) == 3
    assert capsys.readouterr() == ("", "")


def test_what_is_not_given_is_a_shells(
    conf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAKEHOUSE_ROOT", str(conf / "own"))
    assert main(["config", "--json"]) == 0
    out, err = capsys.readouterr()
    assert (json.loads(out)["root"], err) == (str(conf / "own"), "")


@pytest.mark.usefixtures("conf")
def test_a_wrong_setting_is_one_line_on_the_given_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAKEHOUSE_ROOTT", "x")
    line = "lakehouse: unknown setting LAKEHOUSE_ROOTT in the environment; did you mean LAKEHOUSE_ROOT?\n"
    session = NoSession()
    assert call(["check"], session=session) == (2, "", line)
    assert session.asked == []
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("arguments", WITH_SPARK, ids=" ".join)
def test_a_command_takes_its_session_from_the_caller(given: Settings, arguments: tuple[str, ...]) -> None:
    """The session's failure is the command's: one line and an exit code, here that of a failed check."""
    session = NoSession()
    outcome = call(arguments, settings=given, session=session)
    assert outcome == (1, "", "lakehouse: no Spark today\n")
    assert session.asked == [(f"lakehouse {arguments[0]}", given.ops_dir / "spark.log", False)]


def test_a_live_mode_asks_for_a_lasting_session(given: Settings) -> None:
    session = NoSession()
    with pytest.raises(CheckFailedError):
        Call("up", given, session).spark(lasting=True)
    assert session.asked == [("lakehouse up", given.ops_dir / "spark.log", True)]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ("run", "--select", "platinum"),
            "unknown layer 'platinum'; select one of bronze, silver, gold; ",
        ),
        (("models", "list", "als-1"), "a model version without rollback: als-1; write: models rollback "),
        (
            ("rebuild", "gold", "--accept-loss"),
            "--accept-loss does not apply to gold; silver has all that ",
        ),
        (("quarantine", "replay", "--set", "a=1", "--set", "a=2"), "--set gives a twice; give each field one "),
        (("report", "--output", "."), "{folder} is a folder; name a file in it"),
        (("report", "--output", "/dev/null"), "/dev/null is not a regular file; name another file"),
        (("report", "--output", "file:///dev/null"), "/dev/null is not a regular file; name another file"),
        (
            ("report", "--output", "file:r.html"),
            "--output is not the path or address of a file; expected a path of ",
        ),
        (
            ("report", "--output", "s3a:/b/r.html"),
            "--output is not the path or address of a file; expected an address ",
        ),
        (
            ("report", "--open", "--output", "s3a://b/r.html"),
            "a browser cannot open s3a://b/r.html; give a local file ",
        ),
        (("history", "silver.user"), "no table 'silver.user' in this lakehouse; did you mean silver.users?"),
        (("diff", "silver.user", "1", "2"), "no table 'silver.user' in this lakehouse; did you mean "),
        (("restore", "bronze.events", "1", "--yes"), "bronze.events is append-only and cannot be restored"),
    ],
    ids=lambda part: part[0] if isinstance(part, tuple) else "",
)
def test_what_cannot_work_is_refused_before_spark_starts(
    given: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    session = NoSession()
    code, out, err = call(arguments, settings=given, session=session)
    assert (code, out, session.asked) == (2, "", [])
    assert err.startswith(f"lakehouse: {line.format(folder=tmp_path)}")
    assert err.count("\n") == 1


def test_wrong_arguments_are_reported_on_the_given_stderr(
    given: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    err = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        main(["chekc"], settings=given, stderr=err)
    assert ended.value.code == 2
    assert "argument COMMAND: invalid choice: 'chekc'" in err.getvalue()
    assert capsys.readouterr() == ("", "")


def test_an_argument_that_is_not_utf8_is_one_line(
    given: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["lakehouse", "recommend", "u\udcff"])
    with pytest.raises(SystemExit) as ended:
        main(settings=given)
    assert ended.value.code == 2
    line = "lakehouse: the argument 'u\\udcff' is not UTF-8; write it in UTF-8\n"
    assert capsys.readouterr() == ("", line)


def test_a_shells_output_takes_what_its_encoding_lacks(given: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    shell, callers = (io.TextIOWrapper(io.BytesIO(), encoding="latin-1", write_through=True) for _ in range(2))
    monkeypatch.setattr("sys.stdout", shell)
    settings = given.model_copy(update={"root": "/日本"})
    assert main(["config"], settings=settings) == 0
    assert b"/\\u65e5\\u672c" in cast(io.BytesIO, shell.buffer).getvalue()
    main(["config", "--json"], settings=settings, stdout=callers)
    assert (shell.errors, callers.errors) == ("backslashreplace", "strict")


# A command whose process C++ aborts at its end, as the threads of a library may.
ABORTED = """
import atexit
import ctypes
import sys
from operations import cli

native = ctypes.CDLL(None)
native.__cxa_atexit(native.abort, None, None)

def main():
    atexit.register(print, "at its end")
    print("done")
    {last}

cli.main = main
cli.run()
"""


@pytest.mark.parametrize(
    ("last", "code", "error"),
    [
        ("return 0", 0, ""),
        ("return 2", 2, ""),
        ("sys.exit(2)", 2, ""),
        ("sys.exit()", 0, ""),
        ("raise ValueError('unexpected')", 1, "ValueError: unexpected"),
    ],
)
def test_an_abort_after_all_work_changes_no_exit_code(last: str, code: int, error: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ABORTED.format(last=last)], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (code, "done\nat its end\n")
    assert (done.stderr.splitlines() or [""])[-1] == error


def test_output_that_cannot_be_written_at_the_end_is_an_error() -> None:
    program = "from operations import cli; cli.main = lambda: print('done') or 0; cli.run()"
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as nobody_reads:
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=PROJECT,
            env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
            stdout=nobody_reads,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 120  # Python's own
    assert "BrokenPipeError" in done.stderr
