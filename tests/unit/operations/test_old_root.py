"""Commands that only read a root of version 0.1.0: they read it as it is, and change nothing."""

from pathlib import Path

import pytest

from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import Settings
from lakehouse.tables import SILVER_USERS
from tests.support.old_root import extract
from tests.support.outcome import Command


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return extract(tmp_path_factory.mktemp("old") / "lakehouse")


@pytest.mark.parametrize(
    "arguments",
    [
        ("history", "gold.recommendations"),
        ("diff", "silver.users", "0", "1"),
        ("drift",),
        ("models",),
        ("quarantine",),
        ("recommend", "USER"),
        ("status",),
    ],
    ids=lambda arguments: arguments[0],
)
def test_it_is_read(old: Settings, command: Command, arguments: tuple[str, ...]) -> None:
    files = held(old.root)
    user = Lakehouse(old.root).read(SILVER_USERS, columns=["id"])["id"][0].as_py()
    done = command(*[user if one == "USER" else one for one in arguments], settings=old)
    assert done.code == 0, done.err
    assert done.out
    assert held(old.root) == files


def held(root: str) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path(root).rglob("*") if path.is_file()}
