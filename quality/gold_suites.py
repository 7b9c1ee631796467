"""The suites of the gold tables, one each."""

import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.row_conditions import Column

from lakehouse.tables import (
    GOLD_METRICS,
    GOLD_RECOMMENDATIONS,
    SILVER_CONTENT,
    SILVER_FEEDBACK,
    SILVER_USERS,
)
from quality.contract import NOT_BLANK, contract
from quality.expectations import (
    ExpectEveryUserToHaveRecommendations,
    ExpectRanksToCountFromOne,
    ExpectRowsToBeInTable,
    ExpectRowsToMeetCondition,
    ExpectValuesToFallWithRank,
)
from quality.shared_expectations import fresh, published, references
from quality.subject import Subject

_HUGE = 1e300


def affinity_ratings(subject: Subject) -> list[Expectation]:
    return [
        *contract(subject),
        references(subject, "user_id", SILVER_USERS),
        references(subject, "content_id", SILVER_CONTENT),
        *published(subject),
    ]


def recommendations(subject: Subject) -> list[Expectation]:
    made_from = (SILVER_USERS, SILVER_CONTENT, SILVER_FEEDBACK)
    return [
        *contract(subject),
        ExpectRanksToCountFromOne(column_list=["user_id", "rank"]),
        ExpectValuesToFallWithRank(column_list=["user_id", "rank", "predicted_rating"]),
        references(subject, "user_id", SILVER_USERS),
        references(subject, "content_id", SILVER_CONTENT),
        references(subject, "model_version", GOLD_METRICS, key="model_version"),
        ExpectEveryUserToHaveRecommendations(
            root=subject.root,
            versions={table.sql_name: subject.versions.get(table.sql_name) for table in made_from},
        ),
        *published(subject),
    ]


def content_popularity(subject: Subject) -> list[Expectation]:
    counts = ["views", "likes", "dislikes", "ratings"]
    return [
        *contract(subject),
        *[gxe.ExpectColumnValuesToBeBetween(column=name, min_value=0) for name in (*counts, "seconds_watched")],
        ExpectRowsToMeetCondition(column_list=counts, condition=f"{' + '.join(counts)} > 0"),
        gxe.ExpectColumnValuesToBeBetween(column="mean_rating", min_value=0.5, max_value=5.0),
        gxe.ExpectColumnValuesToNotBeNull(column="mean_rating", row_condition=Column("ratings") > 0),
        gxe.ExpectColumnValuesToBeNull(column="mean_rating", row_condition=Column("ratings") <= 0),
        *published(subject),
    ]


def model_metrics(subject: Subject) -> list[Expectation]:
    return [
        *contract(subject),
        # neither infinite nor NaN
        gxe.ExpectColumnValuesToBeBetween(column="value", min_value=-_HUGE, max_value=_HUGE),
        *published(subject),
    ]


def powerbi_recommendations(subject: Subject) -> list[Expectation]:
    return [
        *contract(subject),
        gxe.ExpectColumnValuesToMatchRegex(column="titulo", regex=NOT_BLANK),
        gxe.ExpectColumnValuesToBeBetween(column="predicted_rating", min_value=0.5, max_value=5.0),
        ExpectRowsToBeInTable(
            columns=["userId", "recommended_content"],
            root=subject.root,
            reference=GOLD_RECOMMENDATIONS.sql_name,
            keys=["user_id", "content_id"],
            at_version=subject.versions.get(GOLD_RECOMMENDATIONS.sql_name),
        ),
        *fresh(subject),
    ]
