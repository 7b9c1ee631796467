"""The report in a real browser: it renders, can be searched and read, fetches nothing and executes no data."""

from dataclasses import replace
from pathlib import Path

import pytest

from operations.report.contents import Recommendation, Recommendations, UserList
from operations.report.page import render
from operations.report.safety import LONGEST_TEXT
from tests.support.chromium import Browser
from tests.support.reports import HOSTILE, full_report, look_for
from tests.support.titles import STORED

PHONE, DESKTOP = 360, 1280

# The contrast of each text with its background (WCAG 2.2, 1.4.3), for texts below the limit.
CONTRAST = """(() => {
  document.querySelectorAll("details").forEach((one) => { one.open = true; });
  const parts = (color) => (color.match(/[\\d.]+/g) || []).map(Number);
  const luminance = ([r, g, b]) => {
    const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const [x, y, z] = [r, g, b].map((v) => linear(v / 255));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (one) => {
    for (; one; one = one.parentElement) {
      const color = parts(getComputedStyle(one).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const faint = [], seen = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const one = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !one.checkVisibility()) continue;
    if (one.closest("script, noscript, title")) continue;
    const style = getComputedStyle(one);
    const color = one.closest("svg") ? style.fill : style.color;
    const [a, b] = [luminance(parts(color)), luminance(behind(one))].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const ratio = (a + 0.05) / (b + 0.05);
    seen.add(one);
    if (ratio < (large ? 3 : 4.5)) faint.push([ratio, one.outerHTML.slice(0, 80)]);
  }
  return { texts: seen.size, faint };
})()"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(render(full_report(), language="es"), encoding="utf-8")
    return file


def test_it_renders_without_a_complaint(browser: Browser, report: Path) -> None:
    browser.open(report)
    assert browser.evaluate("document.title") == "Informe del lakehouse"
    heights = browser.evaluate("[...document.querySelectorAll('main > section')].map((one) => one.offsetHeight)")
    assert len(heights) == 9
    assert min(heights) > 100
    assert browser.evaluate("document.querySelector('.plot rect.c1').getBoundingClientRect().height") > 10
    assert browser.events_of("Runtime.exceptionThrown") == []
    # policy violations are reported here
    assert browser.events_of("Log.entryAdded") == []


def test_nothing_is_fetched(browser: Browser, report: Path) -> None:
    browser.open(report)
    look_for(browser, "lucia")
    urls = [request["request"]["url"] for request in browser.events_of("Network.requestWillBeSent")]
    assert [url for url in urls if not url.startswith("data:")] == [report.as_uri()]


def test_data_is_shown_and_not_executed(browser: Browser, report: Path) -> None:
    browser.open(report)
    _, names = look_for(browser, "")
    assert names == ["Lucía Ñandú", HOSTILE[1], "u3"]
    titles = browser.evaluate(
        "[...document.querySelectorAll('#results tbody .name')].map((one) => one.textContent)"
    )
    assert titles[:2] == [HOSTILE[0], HOSTILE[1]]
    assert browser.evaluate("document.title") == "Informe del lakehouse"
    assert browser.evaluate("document.querySelectorAll('main img, main b, main script:not([type])').length") == 0
    assert browser.events_of("Page.javascriptDialogOpening") == []


def test_a_title_is_shown_as_silver_has_it(browser: Browser, tmp_path: Path) -> None:
    titles = tuple(title for title in STORED if len(title) <= LONGEST_TEXT)
    own = tuple(Recommendation(place, 4.5, "als") for place in range(len(titles)))
    lists = Recommendations(1, titles, (UserList("u1", "Lucía", own),))
    file = tmp_path / "report.html"
    file.write_text(render(replace(full_report(), recommendations=lists), language="es"), encoding="utf-8")
    browser.open(file)
    look_for(browser, "u1")
    names = "[...document.querySelectorAll('#results tbody .name')].map((one) => one.textContent)"
    assert tuple(browser.evaluate(names)) == titles


def test_text_from_right_to_left_does_not_turn_what_follows(browser: Browser, report: Path) -> None:
    browser.open(report)
    look_for(browser, "abc")
    cells = "[...document.querySelector('#results mark').closest('tr').cells]"
    places = browser.evaluate(f"{cells}.map((one) => one.getBoundingClientRect().x)")
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("typed", "message", "users"),
    [
        ("lucia nandu", "1 usuario encontrado", ["Lucía Ñandú"]),  # without accents
        ("LUCÍA", "1 usuario encontrado", ["Lucía Ñandú"]),
        ("u3", "1 usuario encontrado", ["u3"]),  # by id
        ("el viaje", "1 usuario encontrado", ["u3"]),  # by a title on the list
        ("<script>", "2 usuarios encontrados", ["Lucía Ñandú", HOSTILE[1]]),  # both lists have that title
        ("nadie así", "Ningún usuario coincide con la búsqueda", []),
        ("", "3 usuarios encontrados", ["Lucía Ñandú", HOSTILE[1], "u3"]),
    ],
)
def test_search(browser: Browser, report: Path, typed: str, message: str, users: list[str]) -> None:
    browser.open(report)
    look_for(browser, "something else before")
    assert look_for(browser, typed) == (message, users)


@pytest.mark.parametrize("width", [320, PHONE, 768, DESKTOP])
def test_no_width_makes_the_page_overflow(browser: Browser, report: Path, width: int) -> None:
    browser.open(report, width=width)
    browser.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert browser.evaluate("document.documentElement.scrollWidth") <= width


def test_text_on_a_phone_is_large_enough_to_read(browser: Browser, report: Path) -> None:
    browser.open(report, width=PHONE)
    sizes = "[...document.querySelectorAll('main *')].map((one) => parseFloat(getComputedStyle(one).fontSize))"
    assert browser.evaluate(f"Math.min(...{sizes})") >= 12
    assert browser.evaluate("document.querySelector('.plot text').getBoundingClientRect().height") >= 12


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(browser: Browser, report: Path, scheme: str) -> None:
    browser.open(report, scheme=scheme)
    look_for(browser, "el viaje")
    found = browser.evaluate(CONTRAST)
    assert found["texts"] > 300
    assert found["faint"] == []


def test_dark_mode_is_dark(browser: Browser, report: Path) -> None:
    shades = {}
    for scheme in ("light", "dark"):
        browser.open(report, scheme=scheme)
        color = browser.evaluate("getComputedStyle(document.querySelector('section')).backgroundColor")
        shades[scheme] = sum(int(part) for part in color[4:-1].split(","))
    assert shades["light"] > 600
    assert shades["dark"] < 200


def test_the_keyboard_reaches_what_can_be_used(browser: Browser, report: Path) -> None:
    browser.open(report)
    browser.press("Tab")
    assert browser.evaluate("document.activeElement.className") == "skip"
    browser.evaluate("document.querySelector('.rules summary').focus()")
    browser.press("Enter")
    assert browser.evaluate("document.querySelector('.rules details').open") is True


def test_without_scripts_all_but_the_search_is_there(browser: Browser, report: Path) -> None:
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(report)
        snapshot = browser.call("Accessibility.getFullAXTree")["nodes"]
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)
    names = [node.get("name", {}).get("value", "") for node in snapshot]
    assert any(name.startswith("La búsqueda necesita JavaScript") for name in names)
    assert "Popularidad en el tiempo" in names
    assert not any(node.get("role", {}).get("value") == "searchbox" for node in snapshot)
