"""The page's figures, names and charts, in the words and number formats of its language."""

import re
from collections.abc import Callable, Iterable
from datetime import date
from statistics import median

from markupsafe import Markup

from operations.report import charts
from operations.report.contents import Popularity, Report, Stream, TableState
from operations.report.language import Language

# Metrics whose lowest value is the best, and those whose highest is.
LOWER_IS_BETTER = ("rmse", "mae", "mse")
HIGHER_IS_BETTER = ("ndcg", "precision", "recall", "map", "mrr", "hit", "coverage", "auc", "diversity", "novelty")

# A metric of the top of a list.
_AT = re.compile(r"(?P<name>\w+?)(?:@|_at_)(?P<length>\d+)")

LAYERS = ("bronze", "silver", "gold")

# Shades of a cell; 0 is the lightest.
SHADES = 8


def layers(report: Report) -> dict[str, list[TableState]]:
    """The tables of each layer that records flow through; empty if the layer has no table."""
    by_layer = {
        layer: [table for table in report.tables if table.name.startswith(f"{layer}.")] for layer in LAYERS
    }
    return {layer: tables for layer, tables in by_layer.items() if tables}


def sections(report: Report, language: Language) -> list[tuple[str, str]]:
    """The id and the short name of each section, in the order of the page."""
    names = ("flow", "rejected", "streams", "popularity", "genres", "model", "checks", "recommendations", "tables")
    return [(name, language.words[name]["nav"]) for name in names if name != "checks" or report.checks]


def headline(report: Report, language: Language) -> list[tuple[str, str, str]]:
    """The figures at the top: value, what it counts, and a share if there is one."""
    words, rows = language.words["figures"], {table.name: table.rows for table in report.tables}
    figures = []
    figures.append((language.number(received(report)), words["records"], ""))
    if report.rejections is not None:
        share = rejected_share(report, language)
        figures.append((language.number(report.rejections.records), words["rejected"], share))
    for name, word in (("users", "users"), ("content", "titles"), ("feedback", "feedback")):
        if f"silver.{name}" in rows:
            figures.append((language.number(rows[f"silver.{name}"]), words[word], ""))
    if report.recommendations is not None:
        figures.append((language.number(report.recommendations.users), words["lists"], ""))
    return figures


def received(report: Report) -> int:
    """The number of records that bronze has received, whether or not it still holds them."""
    return report.removed + sum(table.rows for table in report.tables if table.name.startswith("bronze."))


def pending(report: Report) -> int:
    """The number of bronze records that silver has not read."""
    return max(0, received(report) - (report.flow.taken if report.flow else 0))


def rejected_share(report: Report, language: Language) -> str:
    """The share of the records read by silver that it quarantined; empty if it read none."""
    if report.flow is None or not report.flow.taken:
        return ""
    return language.percent(report.flow.quarantined / report.flow.taken, 1)


def stream_facts(stream: Stream, language: Language) -> list[tuple[str, str]]:
    """The facts about one stream: value and label."""
    words = language.words["streams"]
    times = [batch.seconds for batch in stream.latest]
    facts = [(language.number(stream.batches), words["batches"]), (language.number(stream.rows), words["rows"])]
    if stream.seconds:
        facts.append((language.number(stream.rows / stream.seconds), words["rate"]))
    facts.append((language.seconds(median(times)), words["typical"]))
    facts.append((language.seconds(max(times)), words["slowest"]))
    lag = stream.latest[-1].lag
    if lag is not None:
        facts.append((language.number(lag), words["lag"]))
    if stream.delays:
        facts.append((language.seconds(median(stream.delays)), words["delay"]))
        facts.append((language.seconds(max(stream.delays)), words["longest_delay"]))
    return facts


def stream_charts(stream: Stream, language: Language) -> list[tuple[str, Markup]]:
    """Throughput and duration of the latest batches, each with its heading; empty for a single batch."""
    if len(stream.latest) < 2:
        return []
    words = language.words["streams"]
    name = words["names"].get(stream.name, stream.name)
    timed = [batch for batch in stream.latest if batch.seconds]
    rates = [batch.rows / batch.seconds for batch in timed]
    times = [batch.seconds for batch in stream.latest]
    drawn = []
    for heading, style, batches, values, unit in (
        ("rate_chart", "c1", timed, rates, "rate"),
        ("time_chart", "c2", stream.latest, times, "duration"),
    ):
        label = f"{name}: {words[heading]}"
        labels = [f"{batch.ended_at:%H:%M:%S}" for batch in batches]
        series = charts.Series(words[unit], style, values)
        chart = charts.columns(
            [series], labels, label=label, number=_on_axis(language), most_names=5, axis_name=words["axis"]
        )
        drawn.append((words[heading], chart))
    return drawn


def popularity_chart(popularity: Popularity, language: Language) -> Markup:
    words = language.words["popularity"]
    kinds = ("views", "ratings", "likes", "dislikes")
    series = [
        charts.Series(words[kind], f"c{place}", [getattr(period, kind) for period in popularity.periods])
        for place, kind in enumerate(kinds, start=1)
    ]
    labels = [period_name(period.first_day, popularity.unit, language) for period in popularity.periods]
    return charts.columns(series, labels, label=words["units"][popularity.unit], number=_on_axis(language))


def period_name(first_day: date, unit: str, language: Language) -> str:
    if unit == "year":
        return str(first_day.year)
    if unit in ("month", "quarter"):
        return f"{language.words['format']['months'][first_day.month - 1]} {first_day.year}"
    return language.day(first_day)


def metric_name(metric: str, language: Language) -> str:
    """A metric's readable name: `ndcg_at_10` and `ndcg@10` are the word for `ndcg`, and the list's length."""
    match = _AT.fullmatch(metric)
    if match is None or metric in language.words["metrics"]:
        return language.called("metrics", metric)
    return f"{language.called('metrics', match['name'])} @ {match['length']}"


def metric_names(metrics: Iterable[str], language: Language) -> str:
    return ", ".join(metric_name(metric, language) for metric in metrics)


def better(metric: str) -> str:
    """`lower` or `higher`, whichever is better for this metric; empty if neither is, or if it is unknown."""
    words = metric.lower().replace("@", "_").split("_")
    if any(word in LOWER_IS_BETTER for word in words):
        return "lower"
    return "higher" if any(word in HIGHER_IS_BETTER for word in words) else ""


def shade(share: float, most: float) -> int:
    """The shade of a cell: 0 is none, and the highest share gets the darkest."""
    return min(SHADES - 1, int(share / most * SHADES)) if most else 0


def _on_axis(language: Language) -> Callable[[float], str]:
    """Whole numbers from 10 up; below that, as few digits as distinguish the ticks."""

    def written(value: float) -> str:
        most = 0 if value >= 10 else 1 if value >= 1 else 2
        decimals = next((few for few in range(most) if round(value, few) == value), most)
        return language.number(value, decimals)

    return written
