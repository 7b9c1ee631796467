"""The gold tables, in the order in which a run makes them: what people look at, and what it was made with."""

from pyspark.sql.types import MapType, StructType

from lakehouse.tables.declaration import (
    DATE,
    DELETION_VECTORS,
    DOUBLE,
    INT,
    LONG,
    STRING,
    STRINGS,
    TIMESTAMP,
    Job,
    PowerBiExport,
    PowerBiKey,
    Table,
    optional,
    required,
)

RECOMMEND = Job("gold.recommend", "recommendations", "ALS, fitted to part of the feedback and to all of it")
_USER, _CONTENT = PowerBiKey("user_key", "user_id"), PowerBiKey("content_key", "content_id")

MATCHED = StructType(
    [
        optional("generos", STRINGS),
        optional("directores", STRINGS),
        optional("actores", STRINGS),
        optional("clasificacion", STRING),
        optional("decada", STRING),
    ]
)

GOLD_AFFINITY = Table(
    "gold",
    "affinity_ratings",
    StructType(
        [
            required("user_id", STRING, "The user, as in silver.users"),
            required("content_id", STRING, "The title, as in silver.content"),
            required("rating", DOUBLE, "How well the title fits the user's tastes: 1.0 to 5.0"),
            required("matched", MATCHED, "What user and title have in common"),
        ]
    ),
    ("user_id", "content_id"),
    {"rating_in_range": "rating BETWEEN 1.0 AND 5.0"},
    DELETION_VECTORS,  # of the tables of gold, only this one: the project alone reads it
    row="one user and one title with something in common, and how well it fits",
    made_by=Job("gold.rate_affinity", "affinity ratings", "every user to be compared with every title"),
    gate="decides",
)
GOLD_POPULARITY = Table(
    "gold",
    "content_popularity",
    StructType(
        [
            required("content_id", STRING, "The title, as in silver.feedback"),
            required("day", DATE, "Day of the events (UTC)"),
            required("views", LONG, "Number of views"),
            required("seconds_watched", LONG, "Time watched in all views, in seconds"),
            required("likes", LONG, "Number of likes"),
            required("dislikes", LONG, "Number of dislikes"),
            required("ratings", LONG, "Number of ratings"),
            optional("mean_rating", DOUBLE, "Mean of the day's ratings, 0.5 to 5.0; null without ratings"),
            required("trend", LONG, "Events of the last days minus those of as many days before"),
        ]
    ),
    ("content_id", "day"),
    row="one title on one day (UTC) with feedback",
    made_by=Job("gold.count_popularity", "popularity", "feedback to be counted by title and day"),
    gate="decides",
    export=PowerBiExport("popularity", keys=(_CONTENT,)),
)
GOLD_RECOMMENDATIONS = Table(
    "gold",
    "recommendations",
    StructType(
        [
            required("user_id", STRING, "The user, as in silver.users"),
            required("content_id", STRING, "The recommended title, as in silver.content"),
            required("rank", INT, "Place in the user's list; 1 is the best"),
            required("predicted_rating", DOUBLE, "Rating that the user is expected to give: 0.5 to 5.0"),
            required("source", STRING, "What put the title there: als, affinity or popularity"),
            required("model_version", STRING, "The model that made the list, as in gold.models"),
        ]
    ),
    ("user_id", "content_id"),
    {
        "rank_positive": "rank >= 1",
        "rating_in_range": "predicted_rating BETWEEN 0.5 AND 5.0",
        "source_known": "source IN ('als', 'affinity', 'popularity')",
    },
    row="one recommended title of one user; rank 1 is the best",
    made_by=RECOMMEND,
    gate="decides",
    export=PowerBiExport("recommendations", keys=(_USER, _CONTENT)),
)
GOLD_METRICS = Table(
    "gold",
    "model_metrics",
    StructType(
        [
            required("model_version", STRING, "The model that was measured"),
            required("model", STRING, "blend, the model behind the lists, or one that it is compared with"),
            required("metric", STRING, "Name of the metric, such as ndcg@10"),
            required("value", DOUBLE, "Value on rows that training never saw"),
            optional("baseline", DOUBLE, "Popularity's value for lists; for ratings that of the mean"),
            required("input_versions", MapType(STRING, LONG), "Version of each table that was read"),
        ]
    ),
    ("model_version", "model", "metric"),
    row="one metric of one model next to its baseline",
    made_by=RECOMMEND,
    gate="decides",
    export=PowerBiExport("model_quality"),
    accumulates=True,
)
# The files of a model are in <root>/models/<model_version> unless it has expired.
GOLD_MODELS = Table(
    "gold",
    "models",
    StructType(
        [
            required("model_version", STRING, "The model's id; also the name of its folder in models/"),
            required("trained_at", TIMESTAMP, "When training ended (UTC)"),
            required("parameters", MapType(STRING, STRING), "Settings that it was trained with"),
            required("metrics", MapType(STRING, DOUBLE), "Its quality on rows that training never saw"),
            required("input_versions", MapType(STRING, LONG), "Version of each table that was read"),
            required("status", STRING, "published, retired, withdrawn, refused or expired"),
            optional("published_at", TIMESTAMP, "When it was published (UTC); null if it never was"),
            required("reason", STRING, "Why it has this status"),
        ]
    ),
    ("model_version",),
    {
        "status_known": "status IN ('published', 'retired', 'withdrawn', 'refused', 'expired')",
        "published_has_time": "status IN ('refused', 'expired') OR published_at IS NOT NULL",
    },
    row="one trained model with its status",
    made_by=RECOMMEND,
    gate="reports",
    accumulates=True,
)
GOLD_TRIALS = Table(
    "gold",
    "tuning_trials",
    StructType(
        [
            required("trial_id", STRING, "Id of the trial: the same data and parameters give the same"),
            required("data_id", STRING, "Id of the training rows: trials on the same rows compare"),
            required("number", INT, "Place of the trial in its search, counted from 1"),
            required("parameters", MapType(STRING, DOUBLE), "Parameters that were tried"),
            required("metrics", MapType(STRING, DOUBLE), "Metrics on a validation split of the training rows"),
            required("score", DOUBLE, "What decides; higher is better"),
            required("seconds", DOUBLE, "Duration of the trial, in seconds"),
            required("finished_at", TIMESTAMP, "When the trial ended (UTC)"),
        ]
    ),
    ("trial_id",),
    row="one trial of a parameter search",
    made_by=Job("gold.evaluate", arguments="--tune"),
    accumulates=True,
)
# Exactly these columns, in this order.
GOLD_POWERBI = Table(
    "gold",
    "powerbi_recommendations",
    StructType(
        [
            required("userId", STRING, "The user, as in silver.users"),
            required("recommended_content", STRING, "Id of the recommended title"),
            required("titulo", STRING, "Name of the title"),
            required("predicted_rating", DOUBLE, "Rating that the user is expected to give: 0.5 to 5.0"),
        ]
    ),
    ("userId", "recommended_content"),
    row="one recommended title of one user, with the title's name, for Power BI",
    made_by=Job("gold.export_powerbi", "Power BI export", "the lists to be written as a table and as CSV"),
    gate="after",
)
