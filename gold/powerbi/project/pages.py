"""The three pages of the report, laid out on a grid of 8 pixels."""

from gold.powerbi.project.tables import Exported
from gold.powerbi.project.visuals import (
    Box,
    FieldReference,
    Page,
    Visual,
    card,
    chart,
    column,
    measure,
    slicer,
    table,
)

_MARGIN, _GAP = 24, 16
_TOP, _CARD = 24, 96


def pages(tables: tuple[Exported, ...]) -> tuple[Page, ...]:
    """The pages for these tables. Visuals of other tables are left out."""
    known = {shown.name: shown for shown in tables}
    drawn = (
        Page("user", "Recommendations of a user", _user()),
        Page("popularity", "Popularity and catalogue over time", _popularity()),
        Page("pipeline", "Pipeline and data quality", _pipeline(known)),
    )
    return tuple(
        page._replace(visuals=tuple(visual for visual in page.visuals if _tables(visual) <= known.keys()))
        for page in drawn
    )


def _tables(visual: Visual) -> set[str]:
    return {field.table for field in visual.fields}


def _in_row(index: int, of: int, *, y: int = _TOP, height: int = _CARD) -> Box:
    """One of `of` equal boxes in a row."""
    width = (1280 - 2 * _MARGIN - (of - 1) * _GAP) // of
    return Box(_MARGIN + index * (width + _GAP), y, width, height)


def _user() -> tuple[Visual, ...]:
    rank = column("recommendations", "rank")
    # the measure limits Power BI to the existing pairs of rank and title
    listed = (
        rank,
        column("content", "titulo"),
        column("content", "type"),
        column("content", "generos"),
        measure("recommendations", "Mean predicted rating"),
        column("recommendations", "source"),
    )
    tastes = tuple(column("users", name) for name in ("generos", "directores", "actores", "decadas_favoritas"))
    return (
        slicer("user_id", "User", _in_row(0, 5), column("users", "user_key"), single=True),
        card("user_name", _in_row(1, 5), measure("users", "User name")),
        card("user_recommendations", _in_row(2, 5), measure("recommendations", "Titles listed")),
        card("user_mean_rating", _in_row(3, 5), measure("recommendations", "Mean predicted rating")),
        card("user_coverage", _in_row(4, 5), measure("recommendations", "Catalogue coverage")),
        table("user_list", "Recommended titles", Box(24, 136, 816, 560), listed, sort=rank),
        table("user_tastes", "What the user likes", Box(856, 136, 400, 272), tastes),
        chart(
            "user_sources",
            "barChart",
            "Where the recommendations come from",
            Box(856, 424, 400, 272),
            column("recommendations", "source"),
            (measure("recommendations", "Titles listed"),),
        ),
    )


def _popularity() -> tuple[Visual, ...]:
    views, titles = measure("popularity", "Total views"), measure("content", "Titles in catalogue")
    best = (
        column("content", "titulo"),
        column("content", "content_key"),
        views,
        *[measure("popularity", name) for name in ("Hours watched", "Total likes", "Mean rating")],
    )
    return (
        slicer("popularity_day", "Days", _in_row(0, 4), column("popularity", "day"), mode="Between"),
        slicer("popularity_type", "Type", _in_row(1, 4), column("content", "type")),
        slicer("popularity_decade", "Decade", _in_row(2, 4), column("content", "decada_lanzamiento")),
        slicer("popularity_rating", "Classification", _in_row(3, 4), column("content", "clasificacion")),
        card("popularity_views", _in_row(0, 4, y=136), views),
        card("popularity_hours", _in_row(1, 4, y=136), measure("popularity", "Hours watched")),
        card("popularity_mean_rating", _in_row(2, 4, y=136), measure("popularity", "Mean rating")),
        card("popularity_titles", _in_row(3, 4, y=136), titles),
        *_over_time(views, titles),
        table("popular_titles", "Most viewed titles", Box(760, 248, 496, 448), best, sort=views, descending=True),
    )


def _over_time(views: FieldReference, titles: FieldReference) -> tuple[Visual, ...]:
    day, decade = column("popularity", "day"), column("content", "decada_lanzamiento")
    others = ("Total likes", "Total dislikes", "Total ratings", "Titles with feedback")
    return (
        chart(
            "popularity_over_time",
            "lineChart",
            "Events, and titles that had any, per day (UTC)",
            Box(24, 248, 720, 216),
            day,
            (views, *[measure("popularity", name) for name in others]),
            sort=day,
        ),
        chart(
            "catalogue_by_decade",
            "columnChart",
            "Titles by decade of release",
            Box(24, 480, 720, 216),
            decade,
            (titles,),
            series=column("content", "type"),
            sort=decade,
        ),
    )


def _pipeline(known: dict[str, Exported]) -> tuple[Visual, ...]:
    finished = column("batches", "finished_at")
    became = tuple(measure("batches", f"Rows {name}") for name in ("applied", "superseded", "deleted", "rejected"))
    rejected = measure("rejected_records", "Rejected records")
    cards = (
        measure("batches", "Rows read"),
        measure("batches", "Rows rejected"),
        measure("batches", "Share of rejected rows"),
        measure("data_quality", "Failed checks"),
        measure("data_quality", "Share of passed checks"),
    )
    return (
        *[card(f"pipeline_card_{index}", _in_row(index, 5), shown) for index, shown in enumerate(cards)],
        chart(
            "batches_over_time",
            "columnChart",
            "What became of the rows of each micro-batch (UTC)",
            Box(24, 136, 608, 272),
            finished,
            became,
            sort=finished,
        ),
        chart(
            "rejected_by_rule",
            "barChart",
            "Rejected records by broken rules",
            Box(648, 136, 608, 272),
            column("rejected_records", "reasons"),
            (rejected,),
            sort=rejected,
            descending=True,
        ),
        table("model_quality", "Model quality", Box(24, 424, 608, 272), _all(known, "model_quality")),
        table("data_quality", "Checks", Box(648, 424, 608, 272), _all(known, "data_quality")),
    )


def _all(known: dict[str, Exported], name: str) -> tuple[FieldReference, ...]:
    """All columns of the table; an unexported table gets a placeholder, and its visual is left out."""
    return tuple(column(name, field) for field in known[name].names) if name in known else (column(name, ""),)
