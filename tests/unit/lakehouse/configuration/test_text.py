"""Settings files as editors and accidents leave them: a byte order mark is fine, anything else is one line."""

import codecs
import errno
import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lakehouse.errors import SettingsError
from lakehouse.settings import conf_dir, load_settings
from lakehouse.spark.defaults import defaults_file, plain_defaults, spark_defaults
from lakehouse.spark.session import _submit_arguments
from operations import cli
from operations.commands import doctor
from tests.support.folders import PROJECT

FILES = ("lakehouse.toml", "lakehouse.big.toml", "spark-defaults.conf")


@pytest.fixture
def big(conf: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings with an overlay and Spark's own, each with a non-ASCII letter."""
    monkeypatch.delenv("SPARK_CONF_DIR", raising=False)
    shutil.copy(PROJECT / "conf" / "spark-defaults.conf", conf)
    (conf / "lakehouse.big.toml").write_text("[demo]\nusers = 7\n", encoding="utf-8")
    monkeypatch.setenv("LAKEHOUSE_ENV", "big")
    for name in FILES:
        with (conf / name).open("a", encoding="utf-8") as file:
            file.write("# año\n")
    return conf


def load() -> None:
    load_settings()
    spark_defaults(defaults_file())


def encoded(encoding: str) -> Callable[[Path], object]:
    return lambda file: file.write_bytes(file.read_text(encoding="utf-8").encode(encoding))


def as_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def as_circle(file: Path) -> None:
    """Make a file that not even root can read."""
    file.unlink()
    file.symlink_to(file)


def with_nul(file: Path) -> None:
    file.write_bytes(b"# fine\n# \0\n" + file.read_bytes())


def cut_to_utf16_without_mark(file: Path) -> None:
    file.write_bytes(file.read_text(encoding="utf-8").encode("utf-16-le"))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (encoded("utf-16"), " is UTF-16, but settings must be UTF-8; save it as UTF-8"),
        (
            lambda file: file.write_bytes(
                codecs.BOM_UTF16_BE + file.read_text(encoding="utf-8").encode("utf-16-be")
            ),
            " is UTF-16, but settings must be UTF-8; save it as UTF-8",
        ),
        (encoded("utf-32"), " is UTF-32, but settings must be UTF-8; save it as UTF-8"),
        (
            cut_to_utf16_without_mark,
            " has a NUL byte in line 1: it is damaged or not UTF-8; save it as UTF-8, without",
        ),
        (with_nul, " has a NUL byte in line 2: it is damaged or not UTF-8; save it as UTF-8, without that byte"),
        (encoded("latin-1"), " is not UTF-8: byte 0xf1 in line "),
        (as_folder, " is a folder; replace it with a settings file"),
        (as_circle, " cannot be read: Too many levels of symbolic links; make it a readable file"),
    ],
    ids=["utf-16-le", "utf-16-be", "utf-32", "utf-16 without mark", "nul", "latin-1", "folder", "unreadable"],
)
def test_a_file_that_cannot_be_read_is_one_line(
    big: Path, name: str, spoil: Callable[[Path], object], fault: str
) -> None:
    spoil(big / name)
    with pytest.raises(SettingsError) as error:
        load()
    assert str(error.value).startswith(f"{big / name}{fault}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", FILES)
def test_a_byte_order_mark_is_accepted(big: Path, name: str) -> None:
    (big / name).write_bytes(codecs.BOM_UTF8 + (big / name).read_bytes())
    load()
    assert load_settings().demo.users == 7
    assert spark_defaults(defaults_file()) == spark_defaults(PROJECT / "conf" / "spark-defaults.conf")


def test_spark_gets_a_copy_without_the_byte_order_mark(big: Path, tmp_path: Path) -> None:
    file = big / "spark-defaults.conf"
    assert plain_defaults(file, tmp_path / "copies") == file
    text = file.read_bytes()
    file.write_bytes(codecs.BOM_UTF8 + text)
    (tmp_path / "copies").mkdir()
    assert plain_defaults(file, tmp_path / "copies").read_bytes() == text


def test_a_file_without_permission_is_named_before_spark_starts(
    big: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Permissions do not stop root, which may run the tests: reading fails here as it does for others."""

    def refuse(file: Path) -> bytes:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    file = big / "spark-defaults.conf"
    for start in (lambda: plain_defaults(file, tmp_path), lambda: _submit_arguments([], tmp_path, "/data")):
        with pytest.raises(SettingsError) as error:
            start()
        assert str(error.value) == f"{file} cannot be read: Permission denied; make it a readable file"


def test_windows_line_ends_are_accepted(big: Path) -> None:
    for name in FILES:
        (big / name).write_bytes((big / name).read_bytes().replace(b"\n", b"\r\n"))
    load()
    assert spark_defaults(defaults_file()) == spark_defaults(PROJECT / "conf" / "spark-defaults.conf")


def test_an_empty_file_misses_all_settings(conf: Path) -> None:
    (conf / "lakehouse.toml").write_bytes(b"")
    with pytest.raises(SettingsError, match=r"^missing setting root; missing setting ops_folder; "):
        load_settings()


def test_a_number_that_python_cannot_read_is_one_line(conf: Path) -> None:
    (conf / "lakehouse.toml").write_text(f"root = {'9' * 5000}")
    with pytest.raises(SettingsError, match=r"lakehouse\.toml cannot be read as TOML: ValueError; correct it"):
        load_settings()


def test_a_conf_folder_whose_file_is_a_folder_is_not_passed_over(
    big: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise other settings would silently apply, those next to the code."""
    (tmp_path / "here" / "conf" / "lakehouse.toml").mkdir(parents=True)
    monkeypatch.delenv("LAKEHOUSE_CONF")
    monkeypatch.delenv("LAKEHOUSE_ENV")
    monkeypatch.chdir(tmp_path / "here")
    assert conf_dir() == tmp_path / "here" / "conf"
    with pytest.raises(SettingsError, match=r"lakehouse\.toml is a folder; "):
        load_settings()
    assert big.is_dir()


def test_an_escape_that_spark_refuses_is_named_with_its_line(big: Path) -> None:
    r"""java.util.Properties takes \u for the start of a letter's number."""
    (big / "spark-defaults.conf").write_text("# \\user\nspark.a C:\\\\user\nspark.b C:\\user\n")
    with pytest.raises(SettingsError, match=r"spark-defaults\.conf has a \\u without four digits in line 3; "):
        load()


@pytest.mark.parametrize("command", ["config", "status"])
def test_a_command_says_so_and_ends_with_2(big: Path, command: str) -> None:
    encoded("utf-16")(big / "lakehouse.toml")
    err = io.StringIO()
    assert cli.main([command], stdout=io.StringIO(), stderr=err) == 2
    assert err.getvalue() == (
        f"lakehouse: {big / 'lakehouse.toml'} is UTF-16, but settings must be UTF-8; save it as UTF-8\n"
    )


def test_doctor_names_settings_of_spark_that_cannot_be_read(big: Path) -> None:
    encoded("utf-16")(big / "spark-defaults.conf")
    [finding] = doctor.spark_settings_findings()
    assert (finding.check, finding.status) == ("Spark settings", "missing")
    assert finding.found.startswith(str(big / "spark-defaults.conf"))
    (big / "spark-defaults.conf").unlink()
    assert list(doctor.spark_settings_findings()) == []
