"""What the documentation lists exists."""

import re
import tomllib
from pathlib import Path

import pytest

from lakehouse.tables.page import page as tables_page
from tests.support.folders import PROJECT

PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
# A path of this repository in backticks, such as `silver/rules.py` or `lakehouse/history`.
TOPS = "benchmarks|bronze|conf|docs|gold|lakehouse|maintenance|operations|producers|quality|silver|tests"
PATH = re.compile(rf"`((?:{TOPS})/[\w./-]*)`")
# A row of a table of two columns, and a name in backticks: a constant, a setting, a function or a check.
CHANGE = re.compile(r"^\| (?!change|---)([^|]+) \| (.+) \|$", re.MULTILINE)
NAME = re.compile(r"`([A-Za-z_]+(?:\.[a-z_]+)*)`")
RULE = re.compile(r"^\| `([a-z_0-9]+)` \|", re.MULTILINE)


def test_every_rule_is_documented() -> None:
    words = tomllib.loads((PROJECT / "operations" / "report" / "words" / "en.toml").read_text(encoding="utf-8"))
    rules = (PROJECT / "docs" / "messages.md").read_text(encoding="utf-8").partition("## Rules")[2]
    assert set(RULE.findall(rules)) == set(words["rules"])


def test_the_page_of_tables_is_written_from_their_declarations() -> None:
    assert (PROJECT / "docs" / "tables.md").read_text(encoding="utf-8") == tables_page(), "run: make docs"


def anchors(page: Path) -> list[str]:
    """The anchor of each heading of a page: lower case, without punctuation, blanks as hyphens."""
    headings = HEADING.findall(page.read_text(encoding="utf-8"))
    return [re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(PROJECT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if link.startswith(("http://", "https://")):
            continue
        name, _, wanted = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (wanted and wanted not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize(
    "page", [page for page in PAGES if "decisions" not in page.parts], ids=lambda page: page.name
)
def test_every_path_that_is_named_exists(page: Path) -> None:
    named = PATH.findall(page.read_text(encoding="utf-8"))
    assert [path for path in named if not (PROJECT / path).exists()] == []


def test_the_index_names_every_page() -> None:
    index = (PROJECT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = [page.name for page in PAGES if page.parent == PROJECT / "docs" and page.name != "README.md"]
    assert [name for name in pages if f"({name})" not in index] == []


def test_the_map_names_every_package() -> None:
    packages = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    page = (PROJECT / "docs" / "contributing.md").read_text(encoding="utf-8").partition("## Ten changes")[0]
    named = re.findall(r"^(\w+)/  ", page, re.MULTILINE)
    assert set(packages["root_packages"]) <= set(named)


def test_contributing_names_ten_changes_by_names_that_their_files_have() -> None:
    """Each name in backticks is in one of the files that its row names."""
    page = (PROJECT / "docs" / "contributing.md").read_text(encoding="utf-8")
    changes = CHANGE.findall(page.partition("## Ten changes")[2].partition("## ")[0])
    assert len(changes) == 10
    missing = []
    for change, files in changes:
        sources = "".join(
            (PROJECT / path).read_text(encoding="utf-8")
            for path in PATH.findall(files)
            if (PROJECT / path).is_file()
        )
        missing += [f"{change}: {name}" for name in NAME.findall(files) if name.rpartition(".")[2] not in sources]
    assert missing == []
