"""The suites of the silver tables, one each."""

from lakehouse.tables import SILVER_CONTENT, SILVER_USERS
from quality import facts
from quality.expectations import (
    Expectation,
    Suite,
    as_before,
    contract,
    fresh,
    has_values,
    holds,
    matches,
    mostly_references,
    one_of,
    where_present,
)
from quality.subject import Subject

DECADE = "^(18[7-9]|19[0-9]|20[0-9])0s$"
DAY_AFTER_EVENT = "date_add(to_date(event_timestamp), 1)"
WATCHED = "(seconds_watched IS NOT NULL)"


def users(subject: Subject) -> Suite:
    return Suite(
        subject.rows,
        (
            *contract(subject),
            holds("nombre_usuario", "is not blank", "length(trim(nombre_usuario)) > 0"),
            where_present(
                "fecha_suscripcion", "is no later than its event", f"fecha_suscripcion <= {DAY_AFTER_EVENT}"
            ),
            one_of("clasificacion", subject.clasificaciones),
            holds("decadas_favoritas", "are decades", f"forall(decadas_favoritas, d -> d RLIKE '{DECADE}')"),
            *_event(),
        ),
    )


def content(subject: Subject) -> Suite:
    return Suite(
        subject.rows,
        (
            *contract(subject),
            holds("titulo", "is not blank", "length(trim(titulo)) > 0"),
            one_of("clasificacion", subject.clasificaciones),
            matches("decada_lanzamiento", DECADE),
            where_present(
                "numero_temporadas", "is there for series only", "type = 'series' AND numero_temporadas >= 1"
            ),
            where_present(
                "numero_episodios",
                "is no less than numero_temporadas",
                "numero_episodios >= greatest(1, coalesce(numero_temporadas, 1))",
            ),
            *_event(),
            as_before(subject, "generos", values="explode(generos)", judged="sum(size(generos))"),
        ),
    )


def feedback(subject: Subject) -> Suite:
    limits = subject.limits
    share, enough = limits.max_unknown_references, limits.min_rows
    users, titles = subject.other(SILVER_USERS), subject.other(SILVER_CONTENT)
    return Suite(
        subject.rows,
        (
            *contract(subject),
            has_values("rating"),
            holds("rating", "is there for ratings and only there", "(action = 'rating') = (rating IS NOT NULL)"),
            has_values("seconds_watched"),
            holds("seconds_watched", "is there for views and only there", f"(action = 'view') = {WATCHED}"),
            mostly_references(subject.rows, "user_id", users, to=SILVER_USERS, at_most=share, enough=enough),
            mostly_references(subject.rows, "content_id", titles, to=SILVER_CONTENT, at_most=share, enough=enough),
            *_event(),
            as_before(subject, "rating", values="rating", judged="count(rating)"),
        ),
    )


def tombstones(subject: Subject) -> Suite:
    return Suite(subject.rows, (*contract(subject), *_event()))


def quarantine(subject: Subject) -> Suite:
    return Suite(
        subject.rows,
        (
            *contract(subject),
            holds("reasons", "each name a rule", "forall(reasons, r -> length(r.rule) > 0)"),
            holds("resolved_at", "is there once resolved", "status <> 'resolved' OR resolved_at IS NOT NULL"),
        ),
    )


def batches(subject: Subject) -> Suite:
    limits, before = subject.limits, subject.before
    rejected = facts.rejected_share(
        subject.rows, since=before.written_at if before else None, min_rows=limits.min_rows
    )
    return Suite(
        subject.rows,
        (
            *contract(subject),
            holds("rows_in", "is above 0", "rows_in > 0"),
            Expectation(
                "largest share of a batch since the last accepted version",
                "quarantined",
                fact=rejected,
                high=limits.max_quarantined_share,
                unit="value",
                absent=f"fewer than {limits.min_rows} rows since then",
            ),
            *fresh(subject),
        ),
    )


def _event() -> tuple[Expectation, ...]:
    """Expectations on the lineage columns of a row."""
    return (
        holds("event_timestamp", "is since 1970", "event_timestamp >= TIMESTAMP '1970-01-01'"),
        holds("offset", "tells a Kafka record", "length(topic) > 0 AND `partition` >= 0 AND `offset` >= 0"),
    )
