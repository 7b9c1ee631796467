"""The code of docs/notebooks.md gives the output that the page shows."""

import doctest
import re
from pathlib import Path

import pytest

from tests.support.delta_tables import make
from tests.support.folders import PROJECT

PAGE = PROJECT / "docs" / "notebooks.md"
_BLOCK = re.compile(r"```pycon\n(.*?)```", re.DOTALL)


def test_the_page_shows_what_its_code_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "data" / "lakehouse")
    monkeypatch.chdir(tmp_path)
    code = "\n".join(_BLOCK.findall(PAGE.read_text(encoding="utf-8")))
    page = doctest.DocTestParser().get_doctest(code, {}, PAGE.name, str(PAGE), 0)
    lines: list[str] = []
    found = doctest.DocTestRunner(verbose=False).run(page, out=lines.append)
    assert (found.failed, "".join(lines)) == (0, "")
    assert found.attempted > 10
