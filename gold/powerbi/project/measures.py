"""The measures of the semantic model: named DAX formulas, each with a home table."""

from typing import NamedTuple

WHOLE, DECIMAL, SHARE = "#,0", "#,0.00", "0.0%"


class Measure(NamedTuple):
    """One measure. `formula` is DAX; all its columns and measures belong to the table, or to a related one."""

    table: str
    name: str
    formula: str
    format: str
    description: str


def _sum(table: str, name: str, column: str, description: str) -> Measure:
    return Measure(table, name, f"SUM('{table}'[{column}])", WHOLE, description)


_MEASURES = (
    Measure(
        "recommendations",
        "Mean predicted rating",
        "AVERAGE('recommendations'[predicted_rating])",
        DECIMAL,
        "Mean rating predicted for the recommended titles, 0.5 to 5.0.",
    ),
    Measure(
        "recommendations",
        "Titles recommended",
        "DISTINCTCOUNT('recommendations'[content_key])",
        WHOLE,
        "Distinct titles recommended to at least one user.",
    ),
    Measure(
        "recommendations",
        "Users with recommendations",
        "DISTINCTCOUNT('recommendations'[user_key])",
        WHOLE,
        "Users with at least one recommended title.",
    ),
    Measure(
        "recommendations",
        "Catalogue coverage",
        "DIVIDE([Titles recommended], [Titles in catalogue])",
        SHARE,
        "Recommended titles as a share of the titles in the catalogue.",
    ),
    Measure(
        "recommendations",
        "User coverage",
        "DIVIDE([Users with recommendations], [Total users])",
        SHARE,
        "Users with recommendations as a share of all users.",
    ),
    Measure(
        "recommendations",
        "Titles listed",
        "COUNTROWS('recommendations')",
        WHOLE,
        "Recommendations: one per title in each user's list.",
    ),
    Measure(
        "users",
        "User name",
        "SELECTEDVALUE('users'[nombre_usuario], \"more than one user\")",
        "",
        "The name of the chosen user.",
    ),
    Measure("users", "Total users", "COUNTROWS('users')", WHOLE, "Users in silver."),
    Measure("content", "Titles in catalogue", "COUNTROWS('content')", WHOLE, "Titles in silver."),
    Measure(
        "popularity",
        "Titles with feedback",
        "DISTINCTCOUNT('popularity'[content_key])",
        WHOLE,
        "Distinct titles with at least one event.",
    ),
    _sum("popularity", "Total views", "views", "Events of action view."),
    Measure(
        "popularity",
        "Hours watched",
        "DIVIDE(SUM('popularity'[seconds_watched]), 3600)",
        DECIMAL,
        "Seconds watched, in hours.",
    ),
    _sum("popularity", "Total likes", "likes", "Events of action like."),
    _sum("popularity", "Total dislikes", "dislikes", "Events of action dislike."),
    _sum("popularity", "Total ratings", "ratings", "Events of action rating."),
    Measure(
        "popularity",
        "Mean rating",
        "DIVIDE(SUMX('popularity', 'popularity'[ratings] * 'popularity'[mean_rating]), [Total ratings])",
        DECIMAL,
        "Mean of all ratings: each day is weighted by its number of ratings.",
    ),
    Measure(
        "model_quality", "Metric value", "AVERAGE('model_quality'[value])", "0.0000", "Value of the chosen metric."
    ),
    Measure(
        "model_quality",
        "Baseline value",
        "AVERAGE('model_quality'[baseline])",
        "0.0000",
        "Value of the chosen metric for the baseline.",
    ),
    Measure("data_quality", "Checks", "COUNTROWS('data_quality')", WHOLE, "Expectations that were checked."),
    Measure(
        "data_quality",
        "Failed checks",
        "CALCULATE(COUNTROWS('data_quality'), 'data_quality'[success] = FALSE()) + 0",
        WHOLE,
        "Expectations that were not met.",
    ),
    Measure(
        "data_quality",
        "Share of passed checks",
        "DIVIDE([Checks] - [Failed checks], [Checks])",
        SHARE,
        "Expectations that were met, as a share of all that were checked.",
    ),
    _sum("batches", "Rows read", "rows_in", "Records that silver took from bronze."),
    _sum("batches", "Rows applied", "applied", "Records that made or changed a row of silver."),
    _sum("batches", "Rows superseded", "superseded", "Records older than what silver already had."),
    _sum("batches", "Rows deleted", "deleted", "Records that deleted an id."),
    _sum("batches", "Rows rejected", "quarantined", "Records that broke a rule."),
    Measure(
        "batches",
        "Share of rejected rows",
        "DIVIDE([Rows rejected], [Rows read])",
        "0.00%",
        "Records that broke a rule, as a share of all that were read.",
    ),
    Measure(
        "rejected_records",
        "Rejected records",
        "COUNTROWS('rejected_records')",
        WHOLE,
        "Records in the quarantine.",
    ),
)


def measures(tables: tuple[str, ...]) -> tuple[Measure, ...]:
    """The measures of these tables, in the order of their declaration."""
    return tuple(measure for measure in _MEASURES if measure.table in tables)
