"""The suites of the silver tables, one each."""

from datetime import UTC, datetime

import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.row_conditions import Column

from lakehouse.tables import SILVER_CONTENT, SILVER_USERS
from quality.contract import NOT_BLANK, contract
from quality.expectations import (
    ExpectColumnItemsToMatchRegex,
    ExpectColumnPairDateToBeWithinDaysAfter,
    ExpectLargestRejectedShareToBeAtMost,
)
from quality.shared_expectations import as_before, fresh, references
from quality.subject import Subject

DECADE = "^(18[7-9]|19[0-9]|20[0-9])0s$"


def users(subject: Subject) -> list[Expectation]:
    return [
        *contract(subject),
        gxe.ExpectColumnValuesToMatchRegex(column="nombre_usuario", regex=NOT_BLANK),
        ExpectColumnPairDateToBeWithinDaysAfter(column_A="fecha_suscripcion", column_B="event_timestamp", days=1),
        gxe.ExpectColumnValuesToBeInSet(column="clasificacion", value_set=list(subject.clasificaciones)),
        ExpectColumnItemsToMatchRegex(column="decadas_favoritas", regex=DECADE),
        *_event(),
    ]


def content(subject: Subject) -> list[Expectation]:
    return [
        *contract(subject),
        gxe.ExpectColumnValuesToMatchRegex(column="titulo", regex=NOT_BLANK),
        gxe.ExpectColumnValuesToBeInSet(column="clasificacion", value_set=list(subject.clasificaciones)),
        gxe.ExpectColumnValuesToMatchRegex(column="decada_lanzamiento", regex=DECADE),
        gxe.ExpectColumnValuesToBeNull(column="numero_temporadas", row_condition=Column("type") != "series"),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="numero_episodios",
            column_B="numero_temporadas",
            or_equal=True,
            ignore_row_if="either_value_is_missing",
        ),
        *_event(),
        as_before(subject, "generos"),
    ]


def feedback(subject: Subject) -> list[Expectation]:
    share = subject.limits.max_unknown_references
    is_rating, is_view = Column("action") == "rating", Column("action") == "view"
    no_rating, no_view = Column("action") != "rating", Column("action") != "view"
    return [
        *contract(subject),
        gxe.ExpectColumnValuesToNotBeNull(column="rating", row_condition=is_rating),
        gxe.ExpectColumnValuesToBeNull(column="rating", row_condition=no_rating),
        gxe.ExpectColumnValuesToNotBeNull(column="seconds_watched", row_condition=is_view),
        gxe.ExpectColumnValuesToBeNull(column="seconds_watched", row_condition=no_view),
        references(subject, "user_id", SILVER_USERS, at_most=share),
        references(subject, "content_id", SILVER_CONTENT, at_most=share),
        *_event(),
        as_before(subject, "rating"),
    ]


def tombstones(subject: Subject) -> list[Expectation]:
    return [*contract(subject), *_event()]


def quarantine(subject: Subject) -> list[Expectation]:
    is_resolved = Column("status") == "resolved"
    return [
        *contract(subject),
        ExpectColumnItemsToMatchRegex(column="reasons", field="rule", regex="."),
        gxe.ExpectColumnValuesToNotBeNull(column="resolved_at", row_condition=is_resolved),
    ]


def batches(subject: Subject) -> list[Expectation]:
    limits, before = subject.limits, subject.before
    since = before.written_at.isoformat() if before and before.written_at else None
    return [
        *contract(subject),
        # 0 if bronze has changed without new records: its files were joined, or its properties were set
        gxe.ExpectColumnValuesToBeBetween(column="rows_in", min_value=0),
        ExpectLargestRejectedShareToBeAtMost(
            max_value=limits.max_quarantined_share, min_rows=limits.min_rows, since=since
        ),
        *fresh(subject),
    ]


def _event() -> list[Expectation]:
    """Expectations on the lineage columns of a row: an event since 1970, from a Kafka record."""
    return [
        gxe.ExpectColumnValuesToBeBetween(column="event_timestamp", min_value=datetime(1970, 1, 1, tzinfo=UTC)),
        gxe.ExpectColumnValuesToMatchRegex(column="topic", regex="."),
        gxe.ExpectColumnValuesToBeBetween(column="partition", min_value=0),
        gxe.ExpectColumnValuesToBeBetween(column="offset", min_value=0),
    ]
