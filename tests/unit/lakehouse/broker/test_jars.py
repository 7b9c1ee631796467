"""The jars of the embedded broker: how far their download is, and others who write to the same repository."""

import zipfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import pytest
from jgo.maven import Artifact, MavenContext, PythonResolver

from lakehouse.broker.jars import counted, fetched


@pytest.mark.parametrize(
    ("total", "reported"), [(1, [1]), (7, [1, 2, 3, 4, 5, 6, 7]), (25, [3, 6, 9, 12, 15, 18, 21, 24, 25])]
)
def test_a_download_is_reported_in_at_most_ten_plain_lines(
    capsys: pytest.CaptureFixture[str], total: int, reported: list[int]
) -> None:
    jars = [Path(f"{number}.jar") for number in range(total)]
    assert list(counted(jars, total)) == jars
    out, err = capsys.readouterr()
    assert out == ""  # which may be JSON
    assert [line.split(": ")[1] for line in err.splitlines()] == [
        f"{number} of {total} jars" for number in reported
    ]


class Repository(PythonResolver):
    """A remote repository, with another program that writes to the same local one.

    Each download leaves the next of these files: what the other program wrote, or what was downloaded.
    """

    def __init__(self, *others: bytes, downloads: Sequence[bytes] = ()) -> None:
        super().__init__()
        self.others, self.downloads = list(others), list(downloads)

    def download(self, artifact: Artifact) -> Path:
        file = artifact.cached_path
        file.parent.mkdir(parents=True, exist_ok=True)
        if self.others:
            file.write_bytes(self.others.pop())
        assert not file.exists()  # as jgo's own does
        file.write_bytes(self.downloads.pop(0))
        return file


def jar() -> bytes:
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(zipfile.ZipInfo("A.class"), b"")  # without the present time
    return content.getvalue()


@pytest.mark.parametrize(
    "repository",
    [
        pytest.param(Repository(downloads=[jar()]), id="downloaded"),
        pytest.param(Repository(downloads=[jar()[:-9], jar()]), id="truncated, then downloaded again"),
        pytest.param(Repository(jar()), id="put there by a Maven build while this one asked for it"),
        pytest.param(Repository(jar()[:-9], downloads=[jar()]), id="put there truncated"),
    ],
)
def test_a_jar_is_whole_whoever_else_writes_to_the_local_repository(
    tmp_path: Path, repository: Repository
) -> None:
    context = MavenContext(repo_cache=tmp_path, local_repos=[], resolver=repository)
    assert fetched(context.project("org", "some").at_version("1").artifact()).read_bytes() == jar()
