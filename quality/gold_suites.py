"""The suites of the gold tables, one each."""

from lakehouse.tables import (
    GOLD_METRICS,
    GOLD_RECOMMENDATIONS,
    SILVER_CONTENT,
    SILVER_FEEDBACK,
    SILVER_USERS,
)
from quality import facts
from quality.expectations import Expectation, Suite, between, contract, fresh, holds, references
from quality.subject import Subject


def affinity_ratings(subject: Subject) -> Suite:
    rows = subject.rows
    return Suite(
        rows,
        (
            *contract(subject),
            references(rows, "user_id", subject.other(SILVER_USERS), to=SILVER_USERS),
            references(rows, "content_id", subject.other(SILVER_CONTENT), to=SILVER_CONTENT),
            *_published(subject),
        ),
    )


def recommendations(subject: Subject) -> Suite:
    users, titles = subject.other(SILVER_USERS), subject.other(SILVER_CONTENT)
    feedback, metrics = subject.other(SILVER_FEEDBACK), subject.other(GOLD_METRICS)
    models = metrics.selectExpr("model_version AS id")
    return Suite(
        facts.with_places(subject.rows),
        (
            *contract(subject),
            holds("rank", "counts 1, 2, 3 in each list", "rank = place"),
            holds(
                "predicted_rating",
                "does not rise with rank",
                "rating_before IS NULL OR predicted_rating <= rating_before",
            ),
            references(subject.rows, "user_id", users, to=SILVER_USERS),
            references(subject.rows, "content_id", titles, to=SILVER_CONTENT),
            references(subject.rows, "model_version", models, to=GOLD_METRICS),
            Expectation(
                "every user has recommendations",
                "user_id",
                fact=facts.users_without_list(users, titles, feedback, subject.rows),
            ),
            *_published(subject),
        ),
    )


def content_popularity(subject: Subject) -> Suite:
    counts = ("views", "seconds_watched", "likes", "dislikes", "ratings")
    return Suite(
        subject.rows,
        (
            *contract(subject),
            *[holds(name, "is not negative", f"{name} >= 0") for name in counts],
            holds("day", "has feedback", "views + likes + dislikes + ratings > 0"),
            between("mean_rating", "0.5", "5.0"),
            holds("mean_rating", "is there where there are ratings", "(ratings > 0) = (mean_rating IS NOT NULL)"),
            *_published(subject),
        ),
    )


def model_metrics(subject: Subject) -> Suite:
    return Suite(
        subject.rows,
        (
            *contract(subject),
            holds("value", "is a finite number", "NOT isnan(value) AND abs(value) < 1e300"),
            *_published(subject),
        ),
    )


def powerbi_recommendations(subject: Subject) -> Suite:
    lists = subject.other(GOLD_RECOMMENDATIONS).selectExpr("concat(user_id, ' ', content_id) AS id")
    rows = subject.rows.selectExpr("concat(userId, ' ', recommended_content) AS userId")
    return Suite(
        subject.rows,
        (
            *contract(subject),
            holds("titulo", "is not blank", "length(trim(titulo)) > 0"),
            between("predicted_rating", "0.5", "5.0"),
            references(rows, "userId", lists, to=GOLD_RECOMMENDATIONS),
            *fresh(subject),
        ),
    )


def _published(subject: Subject) -> tuple[Expectation, ...]:
    """Written recently, and from versions that passed their own checks."""
    unaccepted = subject.unaccepted_inputs
    count, remark = (
        (1, "its commit does not tell") if unaccepted is None else (len(unaccepted), ", ".join(unaccepted))
    )
    traced = Expectation("made from versions that passed", measure=str(count), remark=remark, unit="value")
    return (traced, *fresh(subject))
