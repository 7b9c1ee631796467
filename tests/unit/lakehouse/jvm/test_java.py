"""Which java is chosen, tested with small real executables that answer like a java."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lakehouse.errors import MachineError
from lakehouse.jvm.java import OPTION_VARIABLES, Java, find_java
from tests.support.fake_java import STUB, make_java, refuses, says

FakeJava = Callable[[str, str], Path]


@pytest.fixture(autouse=True)
def _forgetful(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Each test looks for Java from scratch, with no Java but its own, and a download that fails at once."""
    find_java.cache_clear()
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setenv("CJDK_CACHE_DIR", str(tmp_path / "cjdk"))
    monkeypatch.setenv("CJDK_INDEX_URL", "https://127.0.0.1:1/index.json")
    yield
    find_java.cache_clear()


@pytest.fixture
def fake_java(tmp_path: Path) -> FakeJava:
    return lambda name, body: make_java(tmp_path / name, body)


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
        # macOS ships this one if no Java is installed
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


@pytest.mark.parametrize(
    ("options", "complaint", "message"),
    [
        ("-Dpassword=geheim -XX:No", "Unrecognized VM option 'No'", "Unrecognized VM option 'No'"),
        (
            "-XX:Password=geheim",
            "Unrecognized VM option 'Password=geheim'",
            "Unrecognized VM option 'Password=...",
        ),
        # a blank in a value ends the option: the rest is read as another one
        ("-Dpassword=in geheim", "Unrecognized option: geheim", "Unrecognized option: ..."),
        ("-Dpassword=in 'geheim", "Unmatched quote in 'geheim'", "Unmatched quote in ..."),
        # the JVM repeats what it read, line breaks included
        ("-Dpassword=in\ngeheim", "Unrecognized option: geheim", "..."),
    ],
)
@pytest.mark.parametrize("name", OPTION_VARIABLES)
def test_refused_options_are_named_without_their_values(
    fake_java: FakeJava, monkeypatch: pytest.MonkeyPatch, name: str, options: str, complaint: str, message: str
) -> None:
    for other in OPTION_VARIABLES:
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, options)
    monkeypatch.setenv("JAVA_HOME", str(fake_java("home", refuses(name, complaint))))
    with pytest.raises(MachineError) as error:
        find_java()
    assert str(error.value).startswith(f"no JVM starts with the options in {name}: {message}")
    assert str(error.value).endswith(f"; correct or unset {name}")
    assert "geheim" not in str(error.value)


def test_what_an_unusable_java_says_shows_no_options_either(
    fake_java: FakeJava, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Dpassword=geheim")
    monkeypatch.setenv(
        "JAVA_HOME", str(fake_java("home", "echo Bad: $JAVA_TOOL_OPTIONS -Dpassword=geheim; exit 1"))
    )
    with pytest.raises(MachineError) as error:
        find_java()
    assert "does not run (Bad: -Dpassword=...)" in str(error.value)
    assert "geheim" not in str(error.value)


def test_a_java_home_without_java_is_mentioned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nothing"))
    with pytest.raises(MachineError, match=r"JAVA_HOME .*nothing: does not run \(No such file or directory\)"):
        find_java()


def test_no_java_at_all_says_what_to_install() -> None:
    with pytest.raises(MachineError) as error:
        find_java()
    text = str(error.value)
    assert text.startswith("no Java 17, 21, 25 found (downloading one failed")
    assert "apt-get install openjdk-17-jre-headless" in text
    assert "brew install openjdk@21" in text
    assert "\n" not in text
