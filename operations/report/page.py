"""The report as one self-contained HTML file: style, charts and search are inside it.

Everything from the tables is data: the template escapes it, and the page's own policy allows no script or style
but the project's own two, and loads nothing.
"""

from functools import partial
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from operations.report import charts, facts
from operations.report.contents import Report
from operations.report.language import Language, load_language
from operations.report.safety import island, policy, shown_text, visible


def render(report: Report, *, language: str) -> str:
    """The page in `es` or `en`."""
    spoken = load_language(language)
    style, script = _asset("report.css"), _asset("report.js")
    page = _environment(spoken).get_template("report.html.j2")
    return page.render(
        report=report,
        layers=facts.layers(report),
        figures=facts.headline(report, spoken),
        sections=facts.sections(report, spoken),
        pending=facts.pending(report),
        rejected_share=facts.rejected_share(report, spoken),
        island=report.recommendations and island(report.recommendations, spoken),
        policy=policy(style, script),
        style=Markup(style),  # noqa: S704 - the project's own file
        script=Markup(script),  # noqa: S704 - the project's own file
    )


def _environment(language: Language) -> Environment:
    """A template environment that escapes all values and fails on an unknown name."""
    environment = Environment(
        loader=PackageLoader("operations.report", "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=language.number,
        percent=language.percent,
        day=language.day,
        moment=language.moment,
        text=partial(shown_text, language=language),
        visible=visible,
    )
    environment.globals.update(
        w=language.words,
        language=language,
        bar=charts.bar,
        split_bar=charts.split_bar,
        spark=charts.spark,
        better=facts.better,
        metric_name=partial(facts.metric_name, language=language),
        metric_names=partial(facts.metric_names, language=language),
        shade=facts.shade,
        shades=facts.SHADES,
        period=partial(facts.period_name, language=language),
        popularity_chart=partial(facts.popularity_chart, language=language),
        stream_charts=partial(facts.stream_charts, language=language),
        stream_facts=partial(facts.stream_facts, language=language),
    )
    return environment


def _asset(name: str) -> str:
    return resources.files("operations.report").joinpath("assets", name).read_text(encoding="utf-8")
