"""The silver tables: valid events by type, and what became of every record."""

from pyspark.sql.types import ArrayType, MapType, StructType

from lakehouse.tables.declaration import (
    BINARY,
    CHANGE_FEED,
    DATE,
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
    kafka_timestamp,
    optional,
    record_key,
    required,
)

REFINE = Job("silver.refine", "validate, split, merge", "the stream to apply every record of bronze")

# When the event happened and which Kafka record carried it: together, the order in which events win.
PROVENANCE = [
    required("event_timestamp", TIMESTAMP, "When the event happened (UTC); the latest event of an id wins"),
    kafka_timestamp(),
    *record_key(),
]
_NOT_EXPORTED = ("kafka_timestamp", "topic", "partition", "offset")
_NOT_BLANK_ID = {"id_not_blank": "length(trim(id)) > 0"}

SILVER_USERS = Table(
    "silver",
    "users",
    StructType(
        [
            required("id", STRING, "The user's id, trimmed"),
            required("nombre_usuario", STRING, "The user's name"),
            optional("fecha_suscripcion", DATE, "Day on which the subscription began; null if not sent"),
            required("generos", STRINGS, "Genres that the user likes, distinct, in the order sent"),
            required("directores", STRINGS, "Directors that the user likes, distinct, in the order sent"),
            required("actores", STRINGS, "Actors that the user likes, distinct, in the order sent"),
            optional("clasificacion", STRING, "Age rating that the user prefers, such as PG-13"),
            required("decadas_favoritas", STRINGS, "Decades that the user likes, as 1990s"),
            *PROVENANCE,
        ]
    ),
    ("id",),
    _NOT_BLANK_ID,
    CHANGE_FEED,
    row="one user, latest state",
    made_by=REFINE,
    gate="decides",
    export=PowerBiExport("users", _NOT_EXPORTED, (PowerBiKey("user_key", "id"),)),
)
SILVER_CONTENT = Table(
    "silver",
    "content",
    StructType(
        [
            required("id", STRING, "The title's id, trimmed"),
            required("type", STRING, "movie or series"),
            required("titulo", STRING, "Name of the title"),
            required("generos", STRINGS, "Genres, distinct, in the order sent"),
            required("directores", STRINGS, "Directors, distinct, in the order sent"),
            required("actores", STRINGS, "Actors, distinct, in the order sent"),
            optional("clasificacion", STRING, "Age rating, such as PG-13; null if not sent"),
            optional("decada_lanzamiento", STRING, "Decade of release, as 1990s; movies only"),
            optional("numero_temporadas", INT, "Number of seasons; series only"),
            optional("numero_episodios", INT, "Number of episodes of all seasons; series only"),
            *PROVENANCE,
        ]
    ),
    ("id",),
    {
        **_NOT_BLANK_ID,
        "type_known": "type IN ('movie', 'series')",
        "seasons_positive": "numero_temporadas IS NULL OR numero_temporadas >= 1",
        "episodes_positive": "numero_episodios IS NULL OR numero_episodios >= 1",
    },
    CHANGE_FEED,
    row="one movie or series, latest state",
    made_by=REFINE,
    gate="decides",
    export=PowerBiExport("content", _NOT_EXPORTED, (PowerBiKey("content_key", "id"),)),
)
SILVER_FEEDBACK = Table(
    "silver",
    "feedback",
    StructType(
        [
            required("id", STRING, "The event's id, trimmed"),
            required("user_id", STRING, "Id of the user who acted, as in silver.users"),
            required("content_id", STRING, "Id of the title, as in silver.content"),
            required("action", STRING, "rating, view, like or dislike"),
            optional("rating", DOUBLE, "The rating, 0.5 to 5.0 stars; only for ratings"),
            optional("seconds_watched", INT, "Time watched, in seconds; only for views"),
            *PROVENANCE,
        ]
    ),
    ("id",),
    {
        **_NOT_BLANK_ID,
        "action_known": "action IN ('rating', 'view', 'like', 'dislike')",
        "rating_in_range": "rating IS NULL OR rating BETWEEN 0.5 AND 5.0",
        "seconds_not_negative": "seconds_watched IS NULL OR seconds_watched >= 0",
    },
    CHANGE_FEED,
    row="one feedback event of a user on a title",
    made_by=REFINE,
    gate="decides",
)
SILVER_TOMBSTONES = Table(
    "silver",
    "tombstones",
    StructType([required("id", STRING, "The deleted id"), *PROVENANCE]),
    ("id",),
    _NOT_BLANK_ID,
    CHANGE_FEED,
    row="one deleted id with its latest tombstone, so that an older event cannot bring it back",
    made_by=REFINE,
    gate="decides",
    may_be_empty=True,
)

REASON = StructType([optional("rule", STRING), optional("field", STRING), optional("value", STRING)])

SILVER_QUARANTINE = Table(
    "silver",
    "quarantine",
    StructType(
        [
            *record_key(),
            kafka_timestamp(),
            optional("key", STRING, "Key of the record as text"),
            optional("key_raw", BINARY, "Key as bytes, only if they are not valid UTF-8"),
            optional("value", STRING, "Value of the record as text, as it was sent"),
            optional("value_raw", BINARY, "Value as bytes, only if they are not valid UTF-8"),
            optional("type", STRING, "Type that the record names, known or not"),
            optional("id", STRING, "Id that the record names, if it can be read"),
            required("reasons", ArrayType(REASON), "Every rule that the record broke: rule, field and value"),
            required("quarantined_at", TIMESTAMP, "When the record was first quarantined (UTC)"),
            required("status", STRING, "open, or resolved by a replay"),
            optional("resolved_at", TIMESTAMP, "When a replay resolved it (UTC); null while it is open"),
        ]
    ),
    ("topic", "partition", "offset"),
    {
        "status_known": "status IN ('open', 'resolved')",
        # cardinality and not size: delta-rs evaluates the constraints too
        "has_reason": "cardinality(reasons) > 0",
    },
    CHANGE_FEED,
    row="one record that broke a rule, with all the rules that it broke",
    made_by=REFINE,
    gate="decides",
    export=PowerBiExport("rejected_records", ("key", "value")),
    may_be_empty=True,
)
# People's decisions are written once: no overwrite, update or delete removes them. A record's latest row counts:
# from then on its row in silver.quarantine shows these `reasons`.
SILVER_CORRECTIONS = Table(
    "silver",
    "corrections",
    StructType(
        [
            *record_key(),
            required("replay_id", LONG, "Number of the replay, counted from 1"),
            required("replayed_at", TIMESTAMP, "When the replay judged the record (UTC)"),
            required("cause", STRING, "Why it was judged again: other rules, a fix, or a rebuild"),
            optional("value", STRING, "Value that replaces what was sent; null if unchanged"),
            required("outcome", STRING, "applied, superseded, deleted, or open if it still breaks a rule"),
            required("reasons", ArrayType(REASON), "Rules that it broke this time: rule, field and value"),
            optional("target", STRING, "Table of silver that the event went to"),
            optional("id", STRING, "Id of the event's user, title or feedback event"),
            optional("event_timestamp", TIMESTAMP, "When the event happened (UTC)"),
            kafka_timestamp(),
        ]
    ),
    ("topic", "partition", "offset", "replay_id"),
    {"outcome_known": "outcome IN ('applied', 'superseded', 'deleted', 'open')"},
    CHANGE_FEED,
    row="one quarantined record that a replay judged again",
    made_by=REFINE,
    gate="reports",
    may_be_empty=True,
    decided=True,
    append_only=True,
)

# A field that its event type does not define, as one batch saw it in one topic: `first_seen` is the earliest Kafka
# timestamp. Batches before version 0.2 record neither topic, type nor first_seen.
UNKNOWN_FIELD = StructType(
    [
        optional("field", STRING),
        optional("rows", LONG),
        optional("sample", STRING),
        optional("topic", STRING),
        optional("type", STRING),
        optional("first_seen", TIMESTAMP),
    ]
)

# The records of one partition in a batch, by their offsets.
BATCH_RECORDS = StructType(
    [
        optional("topic", STRING),
        optional("partition", INT),
        optional("first_offset", LONG),
        optional("last_offset", LONG),
        optional("rows", LONG),
    ]
)

SILVER_BATCHES = Table(
    "silver",
    "batches",
    StructType(
        [
            required("query_id", STRING, "Id of the stream's checkpoint; batches count from 0 in each"),
            required("batch_id", LONG, "Number of the micro-batch, counted from 0"),
            required("rows_in", LONG, "Bronze records read; 0 after maintenance of bronze"),
            required("applied", LONG, "Events that made or changed a row"),
            required("superseded", LONG, "Events older than what silver already knew"),
            required("deleted", LONG, "Tombstones"),
            required("quarantined", LONG, "Records that broke a rule"),
            required("records", ArrayType(BATCH_RECORDS), "Offsets read, by topic and partition"),
            required("bronze_versions", MapType(STRING, LONG), "Version of each bronze table read up to"),
            required("silver_versions", MapType(STRING, LONG), "Version of each silver table with the result"),
            required(
                "unknown_fields", ArrayType(UNKNOWN_FIELD), "Fields that no event type defines, with a sample"
            ),
            required("finished_at", TIMESTAMP, "When the batch was complete (UTC)"),
        ]
    ),
    ("query_id", "batch_id"),
    {"adds_up": "rows_in = applied + superseded + deleted + quarantined"},
    CHANGE_FEED,
    row="one micro-batch of stream 2 and what became of its records",
    made_by=REFINE,
    gate="decides",
    export=PowerBiExport("batches", ("records",)),
)
