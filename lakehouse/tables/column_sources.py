"""Which columns each column of silver and gold comes from, for lineage."""

from collections.abc import Mapping
from typing import NamedTuple

from lakehouse.tables.bronze import BRONZE_EVENTS, BRONZE_FEEDBACK
from lakehouse.tables.declaration import Table
from lakehouse.tables.gold import GOLD_AFFINITY, GOLD_METRICS, GOLD_POPULARITY, GOLD_POWERBI, GOLD_RECOMMENDATIONS
from lakehouse.tables.silver import (
    SILVER_BATCHES,
    SILVER_CONTENT,
    SILVER_CORRECTIONS,
    SILVER_FEEDBACK,
    SILVER_QUARANTINE,
    SILVER_TOMBSTONES,
    SILVER_USERS,
)


class Source(NamedTuple):
    """A column of a table."""

    table: str
    column: str


def column_sources(table: Table) -> Mapping[str, tuple[Source, ...]]:
    """The sources of each column. One that is computed from no other, such as a time of writing, is absent."""
    return _SOURCES.get(table.sql_name, {})


def _of(table: Table, *columns: str) -> tuple[Source, ...]:
    return tuple(Source(table.sql_name, column) for column in columns)


def _bronze(*columns: str) -> tuple[Source, ...]:
    """A topic says nothing about the types in it: every table of silver has rows of both bronze tables."""
    return (*_of(BRONZE_EVENTS, *columns), *_of(BRONZE_FEEDBACK, *columns))


def _silver(table: Table, *unsourced: str, **others: tuple[Source, ...]) -> dict[str, tuple[Source, ...]]:
    """A column named like one of bronze has its value; any other is read from the record's value."""
    alike = {name: _bronze(name if name in BRONZE_EVENTS.columns else "value") for name in table.columns}
    return {name: sources for name, sources in {**alike, **others}.items() if name not in unsourced}


_TASTES = ("generos", "directores", "actores", "clasificacion")
_FEATURES = (
    *_of(SILVER_USERS, *_TASTES, "decadas_favoritas"),
    *_of(SILVER_CONTENT, *_TASTES, "decada_lanzamiento"),
)
_USER, _TITLE = _of(SILVER_USERS, "id"), _of(SILVER_CONTENT, "id")
_EVENTS = _of(SILVER_FEEDBACK, "user_id", "content_id", "action", "rating", "event_timestamp")
_SCORES = (*_FEATURES, *_EVENTS, *_of(GOLD_AFFINITY, "user_id", "content_id", "rating"))
_ACTION = _of(SILVER_FEEDBACK, "action")

_SOURCES: Mapping[str, Mapping[str, tuple[Source, ...]]] = {
    SILVER_USERS.sql_name: _silver(SILVER_USERS),
    SILVER_CONTENT.sql_name: _silver(SILVER_CONTENT),
    SILVER_FEEDBACK.sql_name: _silver(SILVER_FEEDBACK),
    # a deletion has no value: its id is the key, its moment the record's
    SILVER_TOMBSTONES.sql_name: _silver(
        SILVER_TOMBSTONES, id=_bronze("key"), event_timestamp=_bronze("kafka_timestamp")
    ),
    SILVER_QUARANTINE.sql_name: _silver(
        SILVER_QUARANTINE, "quarantined_at", "status", "resolved_at", reasons=_bronze("key", "value")
    ),
    SILVER_CORRECTIONS.sql_name: {
        **{name: _of(SILVER_QUARANTINE, name) for name in ("topic", "partition", "offset", "kafka_timestamp")},
        **{
            name: _of(SILVER_QUARANTINE, "value")
            for name in ("value", "outcome", "reasons", "target", "id", "event_timestamp")
        },
    },
    SILVER_BATCHES.sql_name: {
        **{
            name: _bronze("value")
            for name in ("applied", "superseded", "deleted", "quarantined", "unknown_fields")
        },
        **{name: _bronze("topic", "partition", "offset") for name in ("rows_in", "records")},
    },
    GOLD_AFFINITY.sql_name: {"user_id": _USER, "content_id": _TITLE, "rating": _FEATURES, "matched": _FEATURES},
    GOLD_POPULARITY.sql_name: {
        "content_id": _of(SILVER_FEEDBACK, "content_id"),
        "day": _of(SILVER_FEEDBACK, "event_timestamp"),
        **dict.fromkeys(("views", "likes", "dislikes", "ratings"), _ACTION),
        "seconds_watched": _of(SILVER_FEEDBACK, "seconds_watched"),
        "mean_rating": _of(SILVER_FEEDBACK, "rating"),
        "trend": _of(SILVER_FEEDBACK, "event_timestamp"),
    },
    GOLD_RECOMMENDATIONS.sql_name: {
        "user_id": _USER,
        "content_id": _TITLE,
        **dict.fromkeys(("rank", "predicted_rating", "source"), _SCORES),
    },
    GOLD_METRICS.sql_name: dict.fromkeys(("value", "baseline"), _SCORES),
    GOLD_POWERBI.sql_name: {
        "userId": _of(GOLD_RECOMMENDATIONS, "user_id"),
        "recommended_content": _of(GOLD_RECOMMENDATIONS, "content_id"),
        "titulo": _of(SILVER_CONTENT, "titulo"),
        "predicted_rating": _of(GOLD_RECOMMENDATIONS, "predicted_rating"),
    },
}
