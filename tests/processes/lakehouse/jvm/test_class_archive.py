"""The class archive, created and mapped by a real JVM that runs a small program of Kafka's."""

import shutil
import subprocess
from pathlib import Path

import pytest

from lakehouse.broker.config import java_command, write_config
from lakehouse.jvm import class_archive
from lakehouse.jvm.java import find_java

PROGRAM = ("kafka.tools.StorageTool", "random-uuid")


@pytest.fixture(scope="module", autouse=True)
def _shares_classes() -> None:
    if not (find_java().home / "lib" / "server" / "classes.jsa").exists():
        pytest.skip("needs a Java with an archive of its own classes: java -Xshare:dump makes it")


@pytest.fixture
def archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "archives"
    monkeypatch.setattr(class_archive, "_FOLDER", folder)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_config(tmp_path, 0)
    return tmp_path


def run(folder: Path, *options: str) -> str:
    """What the program prints: an id of 22 characters, and nothing from the JVM itself."""
    java, *rest = java_command(*PROGRAM)
    done = subprocess.run([java, *options, *rest], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def only(archives: Path) -> Path:
    (archive,) = archives.iterdir()
    return archive


def test_the_first_jvm_makes_it_and_the_next_one_maps_it(archives: Path, folder: Path) -> None:
    assert len(run(folder)) == 23
    archive = only(archives)
    assert f"-XX:SharedArchiveFile={archive}" in java_command(*PROGRAM)
    # required, not just allowed: a JVM that could not map it would not start
    assert len(run(folder, "-Xshare:on")) == 23
    loaded = run(folder, "-Xlog:class+load")
    assert "kafka.tools.StorageTool source: shared objects file (top)" in loaded


def test_half_an_archive_is_replaced(archives: Path, folder: Path) -> None:
    run(folder)
    whole = only(archives)
    size = whole.stat().st_size
    whole.chmod(0o644)
    with whole.open("r+b") as file:  # as after a kill: the header is written last
        file.write(bytes(4096))
    assert len(run(folder, "-Xshare:auto")) == 23
    assert whole.read_bytes()[:4] != bytes(4)
    assert abs(whole.stat().st_size - size) < size / 10


@pytest.mark.usefixtures("archives")
def test_other_jars_have_an_archive_of_their_own(folder: Path) -> None:
    first = java_command(*PROGRAM)
    jar = folder / "other.jar"
    shutil.copy(first[first.index("-cp") + 1].split(":")[0], jar)
    java = class_archive.Java(Path(first[0]).parent.parent, 17, "test")
    names = {class_archive.sharing_options(java, "x", jars, chosen="")[0] for jars in ([], [jar])}
    assert len(names) == 2


@pytest.mark.usefixtures("archives")
@pytest.mark.parametrize("options", ["-Xshare:off", "-XX:-UseCompressedClassPointers"])
def test_a_java_that_shares_no_classes_starts_all_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch, options: str
) -> None:
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", options)
    assert len(run(folder)) == 23


@pytest.mark.usefixtures("archives")
def test_a_java_without_an_archive_of_its_own_has_no_other(tmp_path: Path) -> None:
    assert class_archive.sharing_options(class_archive.Java(tmp_path, 17, "test"), "x", [], chosen="") == []


def test_what_a_jvm_that_failed_has_made_is_deleted(archives: Path, folder: Path) -> None:
    command = java_command(*PROGRAM)
    subprocess.run(command, cwd=folder, capture_output=True, check=True)
    assert only(archives).stat().st_size > 0
    class_archive.discard_archive(command)
    assert list(archives.iterdir()) == []


@pytest.mark.parametrize("name", ["read only", "with a blank"])
def test_where_none_can_be_made_the_jvm_goes_without(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    blocked = folder / "a file"
    blocked.touch()
    monkeypatch.setattr(class_archive, "_FOLDER", blocked / "x" if name == "read only" else folder / name)
    assert not [option for option in java_command(*PROGRAM) if "Archive" in option]
    assert len(run(folder)) == 23
