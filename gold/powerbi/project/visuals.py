"""The content of a report page in PBIR: fields, and the kinds of visuals that show them."""

from typing import Any, NamedTuple

# Headings for the wire format's Spanish names; any other column is named as it is, with spaces.
_HEADINGS = {
    "titulo": "Title",
    "content_key": "Title id",
    "generos": "Genres",
    "directores": "Directors",
    "actores": "Actors",
    "clasificacion": "Classification",
    "decada_lanzamiento": "Decade",
    "decadas_favoritas": "Favorite decades",
}


class FieldReference(NamedTuple):
    """A column or a measure of the model, as `table` and `name`."""

    table: str
    name: str
    measure: bool = False


class Box(NamedTuple):
    """A visual's position and size on its page, in pixels from the upper left corner."""

    x: int
    y: int
    width: int
    height: int


class Visual(NamedTuple):
    """One visual. `roles`: the fields shown in each of its parts (Category, Y, Values ...), in order.

    `sort`: the field that its rows are ordered by, descending if that is set. `options`: its own formatting, as
    object -> property -> value.
    """

    name: str
    kind: str
    title: str
    box: Box
    roles: dict[str, tuple[FieldReference, ...]]
    sort: FieldReference | None = None
    descending: bool = False
    options: dict[str, dict[str, bool | str]] = {}  # noqa: RUF012 - read only, like the rest of this tuple

    @property
    def fields(self) -> tuple[FieldReference, ...]:
        return tuple(field for fields in self.roles.values() for field in fields)


class Page(NamedTuple):
    """One page, 1280 by 720 pixels."""

    name: str
    title: str
    visuals: tuple[Visual, ...]


def column(table: str, name: str) -> FieldReference:
    return FieldReference(table, name)


def measure(table: str, name: str) -> FieldReference:
    return FieldReference(table, name, measure=True)


def card(name: str, box: Box, shown: FieldReference) -> Visual:
    """A single number."""
    return Visual(name, "card", shown.name, box, {"Values": (shown,)})


def slicer(
    name: str, title: str, box: Box, chosen: FieldReference, *, mode: str = "Dropdown", single: bool = False
) -> Visual:
    """A filter for the page; `single`: exactly one value is always selected."""
    # the visual's title already says what is selected; a header would repeat it as the column's name
    options: dict[str, dict[str, bool | str]] = {"data": {"mode": mode}, "header": {"show": False}}
    if mode == "Dropdown":
        options["general"] = {"selfFilterEnabled": True}
    if single:
        options["selection"] = {"strictSingleSelect": True}
    return Visual(name, "slicer", title, box, {"Values": (chosen,)}, options=options)


def table(
    name: str,
    title: str,
    box: Box,
    shown: tuple[FieldReference, ...],
    *,
    sort: FieldReference | None = None,
    descending: bool = False,
) -> Visual:
    return Visual(name, "tableEx", title, box, {"Values": shown}, sort=sort, descending=descending)


def chart(
    name: str,
    kind: str,
    title: str,
    box: Box,
    by: FieldReference,
    shown: tuple[FieldReference, ...],
    *,
    series: FieldReference | None = None,
    sort: FieldReference | None = None,
    descending: bool = False,
) -> Visual:
    """Measures by category; `kind` is lineChart, columnChart (stacked) or barChart (stacked, horizontal)."""
    roles = {"Category": (by,), "Y": shown}
    if series:
        roles["Series"] = (series,)
    return Visual(name, kind, title, box, roles, sort=sort, descending=descending)


def container(visual: Visual, *, order: int) -> dict[str, Any]:
    """The content of visual.json, without the schema's address. `order`: the tab order."""
    # the drill level that is shown: of an axis, and of a slicer
    query: dict[str, Any] = {
        "queryState": {
            role: _projections(fields, active=role == "Category" or visual.kind == "slicer")
            for role, fields in visual.roles.items()
        }
    }
    if visual.sort:
        direction = "Descending" if visual.descending else "Ascending"
        query["sortDefinition"] = {
            "sort": [{"field": expression(visual.sort), "direction": direction}],
            "isDefaultSort": False,
        }
    title = {"show": _literal(True), "text": _literal(visual.title)}
    shown: dict[str, Any] = {
        "visualType": visual.kind,
        "query": query,
        "visualContainerObjects": {
            "title": [{"properties": title}],
            "general": [{"properties": {"altText": _literal(visual.title)}}],
        },
        "drillFilterOtherVisuals": True,
    }
    if visual.options:
        shown["objects"] = {
            name: [{"properties": {key: _literal(value) for key, value in properties.items()}}]
            for name, properties in visual.options.items()
        }
    position = {**visual.box._asdict(), "z": order, "tabOrder": order}
    return {"name": visual.name, "position": position, "visual": shown}


def expression(field: FieldReference) -> dict[str, Any]:
    kind = "Measure" if field.measure else "Column"
    return {kind: {"Expression": {"SourceRef": {"Entity": field.table}}, "Property": field.name}}


def _projections(fields: tuple[FieldReference, ...], *, active: bool) -> dict[str, Any]:
    shown: list[dict[str, Any]] = [
        {
            "field": expression(field),
            "queryRef": f"{field.table}.{field.name}",
            "nativeQueryRef": field.name,
            "displayName": _heading(field),
        }
        for field in fields
    ]
    return {"projections": [{**item, "active": True} for item in shown] if active else shown}


def _heading(field: FieldReference) -> str:
    words = field.name.replace("_", " ")
    return field.name if field.measure else _HEADINGS.get(field.name, words[:1].upper() + words[1:])


def _literal(value: bool | str) -> dict[str, Any]:
    written = str(value).lower() if isinstance(value, bool) else "'" + value.replace("'", "''") + "'"
    return {"expr": {"Literal": {"Value": written}}}
