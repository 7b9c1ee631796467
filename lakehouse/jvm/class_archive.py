"""The classes that one JVM has loaded, archived in a file that the next one maps.

Class-data sharing (JEP 350). The first JVM writes the archive on exit. A JVM that cannot use the archive, or finds
only part of one, runs without it: the header is written last.
"""

import hashlib
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from lakehouse.jvm.java import Java

_FOLDER = Path(sys.prefix) / "var" / "lakehouse"
# Neither Spark nor the JVM accepts white space, quotes or colons in this option.
_PLAIN = re.compile(r"[\w/.+@%-]+", re.ASCII)
_WRITES = "-XX:ArchiveClassesAtExit="
# Without this, the JVM prints on stdout each of the thousands of classes that an archive cannot hold.
_QUIET = "-Xlog:cds*=off"


def sharing_options(java: Java, name: str, class_path: Iterable[Path], *, chosen: str) -> list[str]:
    """The JVM's options that map the archive of this name, or create it if there is none.

    The archive belongs to this Java and these jars (or folders of jars): if one of them changes, it is another
    archive. `chosen` are the options with which the user starts this JVM. Empty if this Java cannot have an
    archive: 17 would not even start.
    """
    if not _shares_its_own(java, chosen):
        return []
    archive = _FOLDER / f"{name}-{_fingerprint([java.home / 'lib' / 'modules', *class_path])}.jsa"
    if not _PLAIN.fullmatch(str(archive)):
        return []
    if _is_whole(archive):
        return [f"-XX:SharedArchiveFile={archive}", _QUIET]
    if _can_be_made(archive):
        return [f"{_WRITES}{archive}", _QUIET]
    return []


def discard_archive(options: Iterable[str]) -> None:
    """Delete the archive that a JVM with these options wrote: after a failure it would stay, with few classes."""
    for option in options:
        if option.startswith(_WRITES):
            Path(option.removeprefix(_WRITES)).unlink(missing_ok=True)


def _shares_its_own(java: Java, chosen: str) -> bool:
    """Whether this Java maps the archive of its own classes, on which all others depend."""
    prevented = "-Xshare:" in chosen or "CompressedClassPointers" in chosen or "CompressedOops" in chosen
    return not prevented and any((java.home / "lib" / "server").glob("classes*.jsa"))


def _fingerprint(files: Iterable[Path]) -> str:
    """A digest of what the JVM itself compares: where the files are and when they changed."""
    described = [f"{file} {file.stat().st_mtime_ns if file.exists() else 'absent'}" for file in files]
    return hashlib.sha256("\n".join(described).encode()).hexdigest()[:12]


def _is_whole(archive: Path) -> bool:
    try:
        with archive.open("rb") as file:
            return any(file.read(4))
    except OSError:
        return False


def _can_be_made(archive: Path) -> bool:
    try:
        archive.parent.mkdir(parents=True, exist_ok=True)
        archive.touch()
    except OSError:  # an installation owned by someone else, or a read-only image
        return False
    return True
