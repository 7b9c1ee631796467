"""Which java is taken, shown on small real executables that answer as a java does."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lakehouse.errors import MachineError
from lakehouse.java import Java, find_java

FakeJava = Callable[[str, str], Path]


@pytest.fixture(autouse=True)
def _forgetful(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Each test finds Java anew, with no Java but its own, and a download that fails at once."""
    find_java.cache_clear()
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setenv("CJDK_CACHE_DIR", str(tmp_path / "cjdk"))
    monkeypatch.setenv("CJDK_INDEX_URL", "https://127.0.0.1:1/index.json")
    yield
    find_java.cache_clear()


@pytest.fixture
def fake_java(tmp_path: Path) -> FakeJava:
    shell = shutil.which("sh", path="/bin:/usr/bin")

    def make(name: str, body: str) -> Path:
        executable = tmp_path / name / "bin" / "java"
        executable.parent.mkdir(parents=True)
        executable.write_text(f"#!{shell}\n{body}\n", encoding="utf-8")
        executable.chmod(0o755)
        return tmp_path / name

    return make


def says(home: Path | str, version: str) -> str:
    """A body that answers on stderr, as the real one does, after a line that an environment variable adds."""
    lines = [
        "Picked up JAVA_TOOL_OPTIONS: -Dx",
        f"    java.home = {home}",
        f"    java.specification.version = {version}",
    ]
    return "\n".join(f"echo '{line}' >&2" for line in lines)


STUB = "echo 'Unable to locate a Java Runtime.' >&2; exit 1"


@pytest.mark.parametrize("version", ["17", "21", "25"])
def test_java_on_path_is_taken_at_its_real_home(
    fake_java: FakeJava, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    wrapper = fake_java("wrapper", says("/opt/a java", version))
    monkeypatch.setenv("PATH", str(wrapper / "bin"))
    assert find_java().home == Path("/opt/a java")
    assert find_java() == Java(Path("/opt/a java"), int(version), f"PATH {wrapper / 'bin' / 'java'}")


def test_java_home_comes_before_path(fake_java: FakeJava, monkeypatch: pytest.MonkeyPatch) -> None:
    home = fake_java("home", says("/opt/home", "21"))
    monkeypatch.setenv("JAVA_HOME", str(home))
    monkeypatch.setenv("PATH", str(fake_java("path", says("/opt/path", "17")) / "bin"))
    assert find_java() == Java(Path("/opt/home"), 21, f"JAVA_HOME {home}")


@pytest.mark.parametrize("body", [says("/opt/old", "11"), says("/opt/older", "1.8"), STUB, "exit 0"])
def test_an_unusable_java_home_gives_way_to_path(
    fake_java: FakeJava, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(fake_java("home", body)))
    monkeypatch.setenv("PATH", str(fake_java("path", says("/opt/path", "17")) / "bin"))
    assert find_java().home == Path("/opt/path")


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (says("/opt/old", "11"), "is Java 11"),
        (says("/opt/older", "1.8"), "is Java 8"),
        # macOS ships this one where no Java is installed
        (STUB, "does not run (Unable to locate a Java Runtime.)"),
        ("exit 3", "does not run (exit code 3)"),
    ],
)
def test_an_unusable_java_on_path_is_named_in_one_line(
    fake_java: FakeJava, monkeypatch: pytest.MonkeyPatch, body: str, fault: str
) -> None:
    path = fake_java("path", body) / "bin"
    monkeypatch.setenv("PATH", str(path))
    with pytest.raises(MachineError) as error:
        find_java()
    assert f"PATH {path / 'java'}: {fault}" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_java_home_without_java_is_mentioned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nothing"))
    with pytest.raises(MachineError, match=r"JAVA_HOME .*nothing: does not run \(No such file or directory\)"):
        find_java()


def test_no_java_at_all_says_what_to_install() -> None:
    with pytest.raises(MachineError) as error:
        find_java()
    text = str(error.value)
    assert text.startswith("no Java 17, 21, 25 found (none could be downloaded")
    assert "apt-get install openjdk-17-jre-headless" in text
    assert "brew install openjdk@21" in text
    assert "\n" not in text
