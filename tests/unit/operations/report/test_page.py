"""The page: the same texts in both languages, no data executed, nothing fetched, nothing unbounded."""

import base64
import hashlib
import json
import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from typing import Any

import pytest

from gold.evaluation.figures import METRICS
from operations.report import charts
from operations.report.contents import Batch, Flow, Metric, ModelQuality, Stream
from operations.report.facts import (
    better,
    layers,
    metric_name,
    period_name,
    rejected_share,
    shade,
    stream_charts,
    stream_facts,
)
from operations.report.language import CODES, load_language
from operations.report.page import render
from operations.report.safety import LONGEST_TEXT
from producers.made_up.dirt import BREAKS
from tests.support.reports import FLOW, HOSTILE, NOON, empty_report, full_report

VOID = {"meta", "link", "input"}
ES, EN = load_language("es"), load_language("en")


class Page(HTMLParser):
    """The page as a browser parses it: its elements with attributes, and their text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.style = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            attributes, before = self.scripts[-1]
            self.scripts[-1] = (attributes, before + data)
        elif self.open and self.open[-1] == "style":
            self.style += data
        else:
            self.text.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module", params=CODES)
def html(request: pytest.FixtureRequest) -> str:
    return render(full_report(), language=request.param)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def with_pictures(text: str) -> str:
    """The text with invisible characters replaced by Unicode's symbols for them."""
    return text.replace("\0", "␀").replace("\x1b", "␛").replace("\x7f", "␡")


def texts(words: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    for key, value in words.items():
        if isinstance(value, Mapping):
            yield from texts(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", str(value)


def test_both_languages_have_the_same_words_with_the_same_gaps() -> None:
    def gaps(code: str) -> dict[str, list[str]]:
        words = load_language(code).words
        return {
            key: sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)
            for key, text in texts(words)
        }

    assert gaps("es") == gaps("en")


def test_every_rule_of_silver_has_a_sentence() -> None:
    # the producers can break every rule
    rules = {way.partition(":")[0] for ways in BREAKS.values() for way in ways}
    assert rules == set(ES.words["rules"])


def test_every_element_is_closed_and_ids_are_unique(page: Page) -> None:
    assert page.open == []
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_links_lead_to_sections_that_exist(page: Page) -> None:
    ids = {attributes.get("id") for _, attributes in page.elements}
    targets = [(attributes["href"] or "")[1:] for attributes in page.named("a")]
    assert len(targets) == 10
    assert set(targets) <= ids


def test_data_makes_no_element_and_no_handler(page: Page) -> None:
    assert [attributes.get("type") for attributes, _ in page.scripts] == ["application/json", None]
    assert page.named("img") == []
    assert page.named("b") == []
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert not [
        attributes for _, attributes in page.elements if "style" in attributes or "autofocus" in attributes
    ]


def test_everything_in_titles_is_shown_as_it_is(page: Page) -> None:
    text = "".join(page.text)
    assert [title for title in HOSTILE[:-1] if with_pictures(title) not in text] == []
    assert "x" * LONGEST_TEXT in text  # the last one is truncated, and the page says how much is missing
    assert re.search(r"x… \(\+9[,\u202f]?700 ", text)


def test_the_lists_survive_their_way_through_the_page(page: Page) -> None:
    lists = json.loads(page.scripts[0][1])
    assert lists["titles"][:-2] == [with_pictures(title) for title in HOSTILE[:-1]]
    assert lists["users"][0][:2] == ["u1", "Lucía Ñandú"]
    assert lists["users"][0][2][1][:2] == [1, 4.4]
    assert lists["users"][1][:2] == ["</script>", HOSTILE[1]]


def test_the_policy_allows_only_the_style_and_the_script_of_the_page(page: Page) -> None:
    policy = next(meta["content"] for meta in page.named("meta") if meta.get("http-equiv")) or ""
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    for rule, text in (("style-src", page.style), ("script-src", page.scripts[1][1])):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"


def test_nothing_is_named_that_could_be_fetched(page: Page) -> None:
    links = [
        str(value)
        for _, attributes in page.elements
        for name, value in attributes.items()
        if name in ("href", "src")
    ]
    assert {link for link in links if not link.startswith("#")} == {"data:,"}
    assert not re.search(r"url\(|@import|@font-face", page.style)
    assert not re.search(
        r"fetch\(|XMLHttpRequest|import\(|innerHTML|insertAdjacentHTML|eval\(", page.scripts[1][1]
    )


def test_tables_have_headers_and_charts_a_text(page: Page) -> None:
    charts_drawn = [attributes for _, attributes in page.elements if attributes.get("role") == "img"]
    assert len(charts_drawn) == 2 + 1 + len(HOSTILE)  # one stream of two charts, popularity, a line per title
    assert all(attributes["aria-label"] for attributes in charts_drawn)
    assert len(page.named("th")) > 60
    assert all("scope" in attributes for attributes in page.named("th"))
    assert [attributes["for"] for attributes in page.named("label")] == ["wanted"]


def test_the_list_of_tables_says_what_a_row_is() -> None:
    assert '>silver.users<small lang="en">one user</small></th>' in render(full_report(), language="es")


def test_records_that_silver_has_not_read_are_shown() -> None:
    behind = replace(full_report(), flow=FLOW._replace(taken=400, applied=370))
    assert "600 records of bronze are not processed yet" in render(behind, language="en")
    assert "not processed yet" not in render(full_report(), language="en")


@pytest.mark.parametrize(
    ("count", "most", "names", "on_a_phone"),
    [
        (1, 5, ["0"], ["0"]),
        (4, 5, ["0", "1", "2", "3"], ["0", "2"]),
        (7, 5, ["0", "2", "4", "6"], ["0", "4"]),
        (60, 5, ["0", "15", "30", "45"], ["0", "30"]),
        (61, 7, ["0", "10", "20", "30", "40", "50", "60"], ["0", "30", "60"]),
    ],
)
def test_names_under_columns_are_at_equal_distances(
    count: int, most: int, names: list[str], on_a_phone: list[str]
) -> None:
    labels = [str(number) for number in range(count)]
    series = [charts.Series("a", "c1", [1.0] * count)]
    drawn = charts.columns(series, labels, label="l", number=lambda _: "", most_names=most)
    found = re.findall(r'<text class="(?:start|middle|end)( wide)?"[^>]*>(\d+)<', drawn)
    assert [name for _, name in found] == names
    assert [name for wide, name in found if not wide] == on_a_phone


@pytest.mark.parametrize("code", CODES)
def test_what_is_missing_is_said_with_the_command_that_makes_it(code: str) -> None:
    page = Page(render(empty_report(), language=code))
    text = "".join(page.text)
    assert text.count(load_language(code).words["page"]["none"]) == 7
    assert text.count("lakehouse run --select") == 7
    assert not [attributes for attributes in page.named("section") if attributes["id"] == "checks"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("en", "Not measured, too little feedback: Root mean square error (RMSE), Mean absolute error (MAE)."),
        ("es", "Sin medir, hay muy pocos eventos de feedback: Raíz del error cuadrático medio (RMSE), "),
    ],
)
def test_metrics_that_the_published_model_does_not_have_are_named(code: str, said: str) -> None:
    report = full_report()
    assert said not in render(report, language=code)
    quality = ModelQuality(
        "als-1", ("blend", "mean"), (Metric("rmse", {"mean": 1.2, "other": 1.3}),), ("rmse", "mae")
    )
    html = render(replace(report, quality=quality), language=code)
    assert said in html
    # the published model's row is marked, and no other instead
    assert 'class="own"' not in html
    assert said in render(
        replace(report, quality=ModelQuality("als-1", ("blend",), (), ("rmse", "mae"))), language=code
    )


def test_a_share_of_no_records_and_a_rate_in_no_time_are_not_shown() -> None:
    assert rejected_share(full_report(), EN) != ""
    nothing = replace(full_report(), flow=Flow(1, 0, 0, 0, 0, 0))
    assert rejected_share(nothing, EN) == ""
    lead = next(line for line in render(nothing, language="en").splitlines() if "break at least one rule" in line)
    assert "of those processed" not in lead
    at_once = Stream("silver", 2, 10, 0.0, (Batch(NOON, 5, 0.0, None), Batch(NOON, 5, 0.0, None)))
    assert [name for _, name in stream_facts(at_once, EN)] == [
        EN.words["streams"][name] for name in ("batches", "rows", "typical", "slowest")
    ]
    rates, _ = stream_charts(at_once, EN)
    assert "<g>" not in rates[1]
    assert rates[1].count("<rect") == 0


def test_the_languages_differ_in_words_and_numbers() -> None:
    spanish, english = (render(full_report(), language=code) for code in ("es", "en"))
    assert 'lang="es"' in spanish
    assert "56\u202f789" in spanish
    assert "1 mar 2026, 12:00 UTC" in spanish
    assert 'lang="en"' in english
    assert "56,789" in english
    assert "1 Mar 2026, 12:00 UTC" in english


def test_layers_are_in_the_order_in_which_records_flow() -> None:
    assert [*layers(full_report())] == [*ES.words["layers"]] == ["bronze", "silver", "gold"]
    assert [*layers(empty_report())] == ["bronze"]


@pytest.mark.parametrize(
    ("value", "decimals", "spanish", "english"),
    [
        (0, 0, "0", "0"),
        (1234, 0, "1234", "1,234"),  # Spanish groups thousands from five digits on
        (12345, 0, "12\u202f345", "12,345"),
        (1234567.891, 2, "1\u202f234\u202f567,89", "1,234,567.89"),
        (-3.5, 1, "\u22123,5", "\u22123.5"),
        (-0.04, 1, "0,0", "0.0"),  # no minus before zero
        (0.999, 2, "1,00", "1.00"),
    ],
)
def test_numbers(value: float, decimals: int, spanish: str, english: str) -> None:
    assert (ES.number(value, decimals), EN.number(value, decimals)) == (spanish, english)


@pytest.mark.parametrize(
    ("share", "decimals", "spanish", "english"),
    [
        (0.0, 1, "0\u00a0%", "0%"),
        (0.0204, 1, "2,0\u00a0%", "2.0%"),
        (0.0001, 1, "< 0,1\u00a0%", "< 0.1%"),  # a positive share is not shown as zero
        (1.0, 0, "100\u00a0%", "100%"),
    ],
)
def test_shares(share: float, decimals: int, spanish: str, english: str) -> None:
    assert (ES.percent(share, decimals), EN.percent(share, decimals)) == (spanish, english)


@pytest.mark.parametrize(
    ("seconds", "written"), [(0.123, "0.12 s"), (4.25, "4.2 s"), (94.6, "95 s"), (4000, "4,000 s")]
)
def test_seconds(seconds: float, written: str) -> None:
    assert EN.seconds(seconds) == written


@pytest.mark.parametrize(
    ("unit", "name"),
    [
        ("day", "1 abr 2026"),
        ("week", "1 abr 2026"),
        ("month", "abr 2026"),
        ("quarter", "abr 2026"),
        ("year", "2026"),
    ],
)
def test_periods(unit: str, name: str) -> None:
    assert period_name(date(2026, 4, 1), unit, ES) == name


@pytest.mark.parametrize(
    ("highest", "marks"),
    [
        (0, [0, 1]),  # with nothing to show there is still an axis
        (1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (7, [0, 2, 4, 6, 8]),
        (5, [0, 1, 2, 3, 4, 5]),
        (990, [0, 200, 400, 600, 800, 1000]),
        (0.013, [0, 0.005, 0.01, 0.015]),
    ],
)
def test_axes_begin_at_zero_and_reach_the_highest_value(highest: float, marks: list[float]) -> None:
    assert charts.ticks(highest) == marks


def test_the_marks_of_an_axis_have_no_needless_digits() -> None:
    axes = re.findall(r'<svg class="axis".*?</svg>', render(full_report(), language="es"))
    written = [re.findall(r"<text[^>]*>([^<]*)</text>", axis) for axis in axes]
    # batches of 2 seconds: both half a second and one and a half have one decimal
    assert ["0", "0,5", "1", "1,5", "2"] in written


def test_columns_are_as_high_as_their_values() -> None:
    series = [charts.Series("a", "c1", [10, 5, 0]), charts.Series("b", "c2", [0, 5, 0])]
    drawn = str(charts.columns(series, ["x", "y", "z"], label="l", number=str))
    heights = re.findall(r'class="(c\d)"[^>]* height="([\d.]+)"', drawn)
    whole = charts.HEIGHT - charts.TOP - charts.BOTTOM
    assert heights == [("c1", f"{whole:.1f}"), ("c1", f"{whole / 2:.1f}"), ("c2", f"{whole / 2:.1f}")]


def test_a_bar_stays_within_its_width() -> None:
    assert 'width="100.00%"' in charts.bar(1.7)
    assert 'width="0.00%"' in charts.bar(-1)


def test_a_line_of_one_value_is_drawn_across() -> None:
    assert 'points="0.0,2.0 100,2.0"' in charts.spark([3], label="l")


@pytest.mark.parametrize(
    ("metric", "wanted"),
    [
        ("rmse", "lower"),
        ("NDCG@10", "higher"),
        ("ndcg_at_10", "higher"),
        ("test_ratings", ""),
        ("unscored_ratings", ""),
    ],
)
def test_what_is_better_is_said_only_of_known_metrics(metric: str, wanted: str) -> None:
    assert better(metric) == wanted


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        ("rmse", "Root mean square error (RMSE)"),
        ("hit_rate_at_10", "Users with a hit @ 10"),
        ("ndcg@5", "Quality of the order (NDCG) @ 5"),
        ("brand_new@3", "brand_new @ 3"),  # a metric that the language has no word for
        ("brand_new", "brand_new"),
    ],
)
def test_metrics_have_names(metric: str, name: str) -> None:
    assert metric_name(metric, EN) == name


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_of_a_model_has_words(metric: str) -> None:
    assert "_" not in metric_name(metric, EN) + metric_name(metric, ES)


@pytest.mark.parametrize(("share", "most", "place"), [(0, 0.5, 0), (0.5, 0.5, 7), (0.26, 0.5, 4), (0, 0, 0)])
def test_shades(share: float, most: float, place: int) -> None:
    assert shade(share, most) == place
