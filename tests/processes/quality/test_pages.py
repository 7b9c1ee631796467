"""The pages of a check in a browser without a network: they load nothing and run nothing that rows contain."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from lakehouse.settings import load_settings
from lakehouse.tables import SILVER_TOMBSTONES
from quality.batches import pandas_rows
from quality.checking import check_rows, new_run
from quality.pages import write_pages
from quality.subject import Subject
from tests.support.chromium import Browser
from tests.support.reports import HOSTILE

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that found two rows of each hostile id."""
    settings, root = load_settings(), tmp_path_factory.mktemp("lakehouse")
    row = {"event_timestamp": MONDAY, "kafka_timestamp": MONDAY, "topic": "", "partition": -1, "offset": 0}
    rows = pa.Table.from_pylist([{"id": name, **row} for name in HOSTILE * 2])
    subject = Subject(str(root), SILVER_TOMBSTONES, settings.quality, settings.silver.clasificaciones)
    run = new_run(MONDAY, [check_rows(subject, pandas_rows(rows))])
    assert run.exit_code == 1
    write_pages(str(root), run)
    return root / "quality" / "docs"


@pytest.mark.parametrize("page", ["index.html", "20*.html", "20*/silver.tombstones.html"])
def test_a_page_shows_everything_and_fetches_nothing(browser: Browser, docs: Path, page: str) -> None:
    (file,) = docs.glob(page)
    browser.open(file)
    assert browser.events_of("Runtime.exceptionThrown") == browser.events_of("Log.entryAdded") == []
    asked = [request["request"]["url"] for request in browser.events_of("Network.requestWillBeSent")]
    assert asked == [file.as_uri()]
    assert browser.evaluate("document.title") != "owned"
    assert browser.evaluate("document.querySelectorAll('script, img, [onfocus], [onerror]').length") == 0
    assert "silver.tombstones" in browser.evaluate("document.body.innerText")


def test_data_docs_show_the_values_that_fail_and_hidden_parts_open(browser: Browser, docs: Path) -> None:
    (file,) = docs.glob("20*/silver.tombstones.html")
    browser.open(file)
    text = browser.evaluate("document.body.innerText")
    assert "values must be unique" in text
    assert HOSTILE[0] in text
    shown = "getComputedStyle(document.querySelector('.collapse')).display"
    assert browser.evaluate(shown) == "none"
    browser.evaluate("document.querySelector('a[data-toggle=collapse]').click()")
    assert browser.evaluate(shown) == "block"
