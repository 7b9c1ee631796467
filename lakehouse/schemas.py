"""The schema of every table. Field names of the wire format stay Spanish: they are the platform's messages."""

from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    DataType,
    DateType,
    DoubleType,
    IntegerType,
    LongType,
    MapType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

STRING, INT, LONG, DOUBLE = StringType(), IntegerType(), LongType(), DoubleType()
TIMESTAMP, DATE, BINARY = TimestampType(), DateType(), BinaryType()
STRINGS = ArrayType(STRING)


def _required(name: str, kind: DataType) -> StructField:
    return StructField(name, kind, nullable=False)


def _optional(name: str, kind: DataType) -> StructField:
    return StructField(name, kind, nullable=True)


_RECORD_KEY = [_required("topic", STRING), _required("partition", INT), _required("offset", LONG)]
HEADERS = ArrayType(StructType([_optional("key", STRING), _optional("value", BINARY)]))

# One Kafka record. `value_raw` and `key_raw` hold the bytes only if they are not valid UTF-8; a tombstone is null
# in both `value` and `value_raw`.
BRONZE = StructType(
    [
        *_RECORD_KEY,
        _required("kafka_timestamp", TIMESTAMP),
        _optional("key", STRING),
        _optional("key_raw", BINARY),
        _optional("value", STRING),
        _optional("value_raw", BINARY),
        _optional("headers", HEADERS),
        _required("ingested_at", TIMESTAMP),
    ]
)

# When the event happened and which Kafka record carried it: together, the order in which events win.
PROVENANCE = [_required("event_timestamp", TIMESTAMP), _required("kafka_timestamp", TIMESTAMP), *_RECORD_KEY]

# One user, latest state.
USERS = StructType(
    [
        _required("id", STRING),
        _required("nombre_usuario", STRING),
        _optional("fecha_suscripcion", DATE),
        _required("generos", STRINGS),
        _required("directores", STRINGS),
        _required("actores", STRINGS),
        _optional("clasificacion", STRING),
        _required("decadas_favoritas", STRINGS),
        *PROVENANCE,
    ]
)

# One movie or series, latest state.
CONTENT = StructType(
    [
        _required("id", STRING),
        _required("type", STRING),
        _required("titulo", STRING),
        _required("generos", STRINGS),
        _required("directores", STRINGS),
        _required("actores", STRINGS),
        _optional("clasificacion", STRING),
        _optional("decada_lanzamiento", STRING),
        _optional("numero_temporadas", INT),
        _optional("numero_episodios", INT),
        *PROVENANCE,
    ]
)

# One feedback event. `rating` only if action = 'rating', `seconds_watched` only if action = 'view'.
FEEDBACK = StructType(
    [
        _required("id", STRING),
        _required("user_id", STRING),
        _required("content_id", STRING),
        _required("action", STRING),
        _optional("rating", DOUBLE),
        _optional("seconds_watched", INT),
        *PROVENANCE,
    ]
)

# One deleted id: its latest tombstone. Silver remembers it, so that an older event cannot bring the id back.
TOMBSTONES = StructType([_required("id", STRING), *PROVENANCE])

REASON = StructType([_optional("rule", STRING), _optional("field", STRING), _optional("value", STRING)])

# One bronze row that broke a rule, with every rule it broke.
QUARANTINE = StructType(
    [
        *_RECORD_KEY,
        _required("kafka_timestamp", TIMESTAMP),
        _optional("key", STRING),
        _optional("key_raw", BINARY),
        _optional("value", STRING),
        _optional("value_raw", BINARY),
        _optional("type", STRING),
        _optional("id", STRING),
        _required("reasons", ArrayType(REASON)),
        _required("quarantined_at", TIMESTAMP),
        _required("status", STRING),
        _optional("resolved_at", TIMESTAMP),
    ]
)

# One replay's change to a quarantined record: with `value` in place of what was sent (null: unchanged), under the
# rules in force then, it became `outcome`. From then on its row in silver.quarantine shows these `reasons`. A
# record's latest row counts; no row is ever changed.
CORRECTIONS = StructType(
    [
        *_RECORD_KEY,
        _required("replay_id", LONG),
        _required("replayed_at", TIMESTAMP),
        _required("cause", STRING),
        _optional("value", STRING),
        _required("outcome", STRING),
        _required("reasons", ArrayType(REASON)),
        _optional("target", STRING),
        _optional("id", STRING),
        _optional("event_timestamp", TIMESTAMP),
        _required("kafka_timestamp", TIMESTAMP),
    ]
)

# A field that its event type does not define, as one batch saw it in one topic: `first_seen` is the earliest Kafka
# timestamp. Batches before version 0.2 record neither topic, type nor first_seen.
UNKNOWN_FIELD = StructType(
    [
        _optional("field", STRING),
        _optional("rows", LONG),
        _optional("sample", STRING),
        _optional("topic", STRING),
        _optional("type", STRING),
        _optional("first_seen", TIMESTAMP),
    ]
)

# The records of one partition in a batch, by their offsets.
RECORDS = StructType(
    [
        _optional("topic", STRING),
        _optional("partition", INT),
        _optional("first_offset", LONG),
        _optional("last_offset", LONG),
        _optional("rows", LONG),
    ]
)

# One micro-batch of stream 2: the bronze records that it read, what became of them, and the versions of the silver
# tables that hold the result. `query_id` is the id of the stream's checkpoint: batches count from 0 in each.
BATCHES = StructType(
    [
        _required("query_id", STRING),
        _required("batch_id", LONG),
        _required("rows_in", LONG),
        _required("applied", LONG),
        _required("superseded", LONG),
        _required("deleted", LONG),
        _required("quarantined", LONG),
        _required("records", ArrayType(RECORDS)),
        _required("bronze_versions", MapType(STRING, LONG)),
        _required("silver_versions", MapType(STRING, LONG)),
        _required("unknown_fields", ArrayType(UNKNOWN_FIELD)),
        _required("finished_at", TIMESTAMP),
    ]
)

MATCHED = StructType(
    [
        _optional("generos", STRINGS),
        _optional("directores", STRINGS),
        _optional("actores", STRINGS),
        _optional("clasificacion", STRING),
        _optional("decada", STRING),
    ]
)

# One user and one title that share something. `rating` is 1.0 to 5.0, `matched` what they share.
AFFINITY = StructType(
    [
        _required("user_id", STRING),
        _required("content_id", STRING),
        _required("rating", DOUBLE),
        _required("matched", MATCHED),
    ]
)

# One recommended title of one user; rank 1 is the best.
RECOMMENDATIONS = StructType(
    [
        _required("user_id", STRING),
        _required("content_id", STRING),
        _required("rank", INT),
        _required("predicted_rating", DOUBLE),
        _required("source", STRING),
        _required("model_version", STRING),
    ]
)

# One title on one day with feedback. `trend`: events of the last N days minus those of the N days before.
POPULARITY = StructType(
    [
        _required("content_id", STRING),
        _required("day", DATE),
        _required("views", LONG),
        _required("seconds_watched", LONG),
        _required("likes", LONG),
        _required("dislikes", LONG),
        _required("ratings", LONG),
        _optional("mean_rating", DOUBLE),
        _required("trend", LONG),
    ]
)

# One metric of the model behind the lists (`model` = blend), or of one that it is compared with, measured on rows
# that training never saw; `baseline` is popularity's value for lists, that of predicting the mean for ratings.
METRICS = StructType(
    [
        _required("model_version", STRING),
        _required("model", STRING),
        _required("metric", STRING),
        _required("value", DOUBLE),
        _optional("baseline", DOUBLE),
        _required("input_versions", MapType(STRING, LONG)),
    ]
)

# One trained model: its inputs, its quality on rows that training never saw, and its status. Its files are in
# <root>/models/<model_version> unless it has expired. `reason` explains the status.
MODELS = StructType(
    [
        _required("model_version", STRING),
        _required("trained_at", TIMESTAMP),
        _required("parameters", MapType(STRING, STRING)),
        _required("metrics", MapType(STRING, DOUBLE)),
        _required("input_versions", MapType(STRING, LONG)),
        _required("status", STRING),
        _optional("published_at", TIMESTAMP),
        _required("reason", STRING),
    ]
)

# One trial of the parameter search, measured on a validation split of the training rows. `score` decides.
TUNING_TRIALS = StructType(
    [
        _required("trial_id", STRING),
        _required("data_id", STRING),
        _required("number", INT),
        _required("parameters", MapType(STRING, DOUBLE)),
        _required("metrics", MapType(STRING, DOUBLE)),
        _required("score", DOUBLE),
        _required("seconds", DOUBLE),
        _required("finished_at", TIMESTAMP),
    ]
)

# One row of the Power BI export: exactly these columns, in this order.
POWERBI = StructType(
    [
        _required("userId", STRING),
        _required("recommended_content", STRING),
        _required("titulo", STRING),
        _required("predicted_rating", DOUBLE),
    ]
)

# One expectation in one check of one table version. `column` is empty if it concerns the whole table, `error` says
# why it could not be evaluated, and `shares` is the distribution that the next check compares its own with.
QUALITY_RESULTS = StructType(
    [
        _required("run_id", STRING),
        _required("table_name", STRING),
        _required("version", LONG),
        _required("expectation", STRING),
        _required("column", STRING),
        _required("success", BooleanType()),
        _optional("observed", STRING),
        _required("expected", STRING),
        _optional("unexpected_rows", LONG),
        _optional("error", STRING),
        _optional("shares", MapType(STRING, DOUBLE)),
        _required("checked_at", TIMESTAMP),
    ]
)
