"""Charts as SVG with widths in percent: they fit any screen, and their text keeps its size.

The page's style sets colors by class. All axes of columns and bars begin at zero.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

HEIGHT, TOP, BOTTOM = 220, 14, 24
# A column takes this share of its slot, and at most this much of the chart, in percent.
_COLUMN, _WIDEST = 0.76, 9.0
# The most pixels that a digit of an axis takes.
_DIGIT = 7


class Series(NamedTuple):
    """One kind of value in each column. `style` is the class of its color, e.g. `c1`."""

    name: str
    style: str
    values: Sequence[float]


def element(name: str, attributes: Mapping[str, object], *children: Markup | str) -> Markup:
    """An element of SVG or HTML; text and values are escaped."""
    written = "".join(f' {key}="{escape(str(value))}"' for key, value in attributes.items())
    return Markup(f"<{name}{written}>{''.join(escape(child) for child in children)}</{name}>")  # noqa: S704 - all parts are escaped


def ticks(highest: float, *, most: int = 5) -> list[float]:
    """Round values from 0 to at least `highest`, in steps of 1, 2 or 5 times a power of ten."""
    if highest <= 0:
        return [0.0, 1.0]
    rough = highest / most
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    count = math.ceil(highest / step - 1e-9)
    return [round(index * step, 10) for index in range(count + 1)]


def columns(
    series: Sequence[Series],
    labels: Sequence[str],
    *,
    label: str,
    number: Callable[[float], str],
    most_names: int = 7,
    axis_name: str = "",
) -> Markup:
    """Stacked columns over a value axis. `label` describes the chart to those who cannot see it.

    At most `most_names` column names are written under the axis, which may have a name too.
    """
    totals = [sum(values) for values in zip(*(one.values for one in series), strict=True)]
    marks = ticks(max(totals, default=0))
    scale = (HEIGHT - TOP - BOTTOM) / marks[-1]
    written = [number(mark) for mark in marks]
    width = 12 + _DIGIT * max(len(text) for text in written)
    axis = element(
        "svg",
        {"class": "axis", "width": width, "height": HEIGHT, "aria-hidden": "true"},
        *[
            element("text", {"x": width - 8, "y": _y(mark, scale) + 4}, text)
            for mark, text in zip(marks, written, strict=True)
        ],
    )
    grid = [
        element(
            "line",
            {"class": "grid" if mark else "base", "x2": "100%", "y1": _y(mark, scale), "y2": _y(mark, scale)},
        )
        for mark in marks
    ]
    stacks = [_stack(series, index, labels, scale, number) for index in range(len(labels))]
    named = [element("p", {}, axis_name)] if axis_name else []
    plot = element("svg", {"class": "plot", "height": HEIGHT}, *grid, *stacks, *_below(labels, most_names))
    return element("div", {"class": "chart", "role": "img", "aria-label": label}, axis, plot, *named)


def _y(value: float, scale: float) -> float:
    return round(HEIGHT - BOTTOM - value * scale, 1)


def _stack(
    series: Sequence[Series], index: int, labels: Sequence[str], scale: float, number: Callable[[float], str]
) -> Markup:
    """One column: its parts from the bottom up, and its tooltip."""
    place = 100 / len(labels)
    width = min(place * _COLUMN, _WIDEST)
    left = place * (index + 0.5) - width / 2
    tooltip = [labels[index], *(f"{one.name}: {number(one.values[index])}" for one in series)]
    parts = [
        element("title", {}, "\n".join(tooltip)),
        _rectangle("reach", x=place * index, width=place, y=0, height=HEIGHT - BOTTOM),
    ]
    below = 0.0
    for one in series:
        value = one.values[index]
        if value > 0:
            y, height = _y(below + value, scale), round(value * scale, 1)
            parts.append(_rectangle(one.style, x=left, width=width, y=y, height=height))
        below += value
    return element("g", {}, *parts)


def _rectangle(style: str, *, x: float, width: float, y: float, height: float) -> Markup:
    """`x` and `width` are in percent, `y` and `height` in pixels."""
    across = {"x": f"{x:.3f}%", "width": f"{width:.3f}%"}
    return element("rect", {"class": style, **across, "y": y, "height": height})


def _below(labels: Sequence[str], most: int) -> list[Markup]:
    """The names under the columns, evenly spaced from the first; a phone shows at most three of them."""
    count = len(labels)
    places = range(0, count, max(1, math.ceil((count - 1) / (most - 1))))
    always = math.ceil(len(places) / 3)
    labels_drawn = []
    for number, index in enumerate(places):
        x, anchor = 100 * (index + 0.5) / count, "middle"
        if count > 3 and index in (0, count - 1):  # a wide name at the edge would leave the chart
            x, anchor = (0.0, "start") if index == 0 else (100.0, "end")
        style = anchor if number % always == 0 else f"{anchor} wide"
        labels_drawn.append(element("text", {"class": style, "x": f"{x:.2f}%", "y": HEIGHT - 6}, labels[index]))
    return labels_drawn


def bar(share: float, *, style: str = "c1") -> Markup:
    """A bar next to a number that the page also writes: `share` (0 to 1) of the width."""
    width = f"{min(max(share, 0.0), 1.0) * 100:.2f}%"
    track = element("rect", {"class": "track", "width": "100%", "height": "100%", "rx": 3})
    filled = element("rect", {"class": style, "width": width, "height": "100%", "rx": 3})
    return element("svg", {"class": "bar", "height": 10, "aria-hidden": "true"}, track, filled)


def split_bar(parts: Sequence[tuple[str, float]]) -> Markup:
    """One bar made of adjacent parts (class, value)."""
    total = sum(value for _, value in parts) or 1
    shapes, left = [], 0.0
    for style, value in parts:
        share = 100 * value / total
        if share:
            shapes.append(
                element("rect", {"class": style, "x": f"{left:.3f}%", "width": f"{share:.3f}%", "height": "100%"})
            )
        left += share
    return element("svg", {"class": "split", "height": 22, "aria-hidden": "true"}, *shapes)


def spark(values: Sequence[float], *, label: str) -> Markup:
    """A line of values without axes, from zero to their highest; `label` describes both ends."""
    highest = max(values, default=0) or 1
    last = max(1, len(values) - 1)
    points = [f"{100 * index / last:.1f},{30 - 28 * value / highest:.1f}" for index, value in enumerate(values)]
    if len(points) == 1:
        points.append(f"100,{points[0].partition(',')[2]}")
    line = " ".join(points)
    area = element("polygon", {"class": "area", "points": f"0,30 {line} 100,30"})
    drawn = element("polyline", {"class": "line", "points": line})
    attributes = {"class": "spark", "viewBox": "0 0 100 32", "preserveAspectRatio": "none"}
    return element("svg", {**attributes, "role": "img", "aria-label": label}, area, drawn)
