"""The rules of silver. A rule is a name, the field it judges, and a Column; a NULL condition counts as broken."""

from collections.abc import Sequence
from typing import NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from silver.parsing.events import TYPES

_FIRST_DECADE = "1870s"
_VALUE_LENGTH = 200
_MILLISECONDS = "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'"


class Rule(NamedTuple):
    """`broken` is evaluated where `applies` is true; null counts as broken, so that nothing slips through.

    `compared` is text for the reason: what the field was compared with, null if the field is wrong by itself.
    """

    name: str
    field: str
    applies: Column
    broken: Column
    compared: Column | None = None


class Verdict(NamedTuple):
    """The two halves of a batch: every row is in exactly one of them."""

    valid: DataFrame
    quarantined: DataFrame


def judge(parsed: DataFrame, *, clasificaciones: Sequence[str], future_tolerance_seconds: int) -> DataFrame:
    """The parsed rows with `reasons`: every rule that the row breaks; empty for a valid row."""
    found = [_reason(rule) for rule in rules(clasificaciones, future_tolerance_seconds)]
    return parsed.withColumn("reasons", F.array_compact(F.array(*found)))


def split(judged: DataFrame) -> Verdict:
    is_valid = F.size("reasons") == 0
    return Verdict(judged.filter(is_valid), judged.filter(~is_valid))


def rules(clasificaciones: Sequence[str], future_tolerance_seconds: int) -> list[Rule]:
    return [
        *_record_rules(),
        *_event_rules(future_tolerance_seconds),
        *_catalogue_rules(clasificaciones),
        *_series_rules(),
        *_feedback_rules(),
    ]


def _record_rules() -> list[Rule]:
    """What a Kafka record must satisfy before its fields mean anything."""
    is_tombstone, value_raw, key_raw = F.col("is_tombstone"), F.col("value_raw"), F.col("key_raw")
    unreadable_key = is_tombstone & key_raw.isNotNull()
    readable = ~is_tombstone & value_raw.isNull()
    return [
        Rule("not_utf8", "value", value_raw.isNotNull(), F.lit(True)),
        Rule("not_utf8", "key", unreadable_key, F.lit(True)),
        Rule("not_json_object", "value", readable, ~F.col("is_object")),
        Rule("id_missing", "key", is_tombstone & key_raw.isNull(), F.col("key_id").isNull()),
    ]


def _event_rules(future_tolerance_seconds: int) -> list[Rule]:
    """The envelope's rules, judged for every object, whatever its type."""
    event = F.col("is_object")
    moment = F.col("event_timestamp")
    latest = F.col("kafka_timestamp") + F.make_interval(secs=F.lit(future_tolerance_seconds))
    return [
        Rule("id_missing", "id", event, F.col("id").isNull()),
        Rule("type_unknown", "type", event, ~F.col("type").isin(*TYPES)),
        Rule("timestamp_invalid", "timestamp", event, moment.isNull()),
        Rule(
            "timestamp_in_future",
            "timestamp",
            event & moment.isNotNull(),
            moment > latest,
            _after("Kafka timestamp", F.date_format("kafka_timestamp", _MILLISECONDS)),
        ),
        Rule("field_wrong_type", "wrong_type", event, F.size("wrong_type") > 0),
    ]


def _catalogue_rules(clasificaciones: Sequence[str]) -> list[Rule]:
    user, content = _is("user"), _is("movie", "series")
    present_day, present_rating = F.col("fecha_suscripcion").isNotNull(), F.col("clasificacion").isNotNull()
    day_after_event = F.date_add(F.col("event_timestamp").cast("date"), 1)
    # without a valid event time nothing can be after the event: timestamp_invalid covers that
    too_late = F.coalesce(F.col("fecha") > day_after_event, F.lit(False))
    return [
        Rule(
            "nombre_usuario_missing",
            "nombre_usuario",
            user & _well_typed("nombre_usuario"),
            _blank("nombre_usuario"),
        ),
        Rule("titulo_missing", "titulo", content & _well_typed("titulo"), _blank("titulo")),
        Rule(
            "fecha_suscripcion_invalid",
            "fecha_suscripcion",
            user & present_day,
            F.col("fecha").isNull() | too_late,
            F.when(too_late, _after_event()),
        ),
        Rule(
            "clasificacion_unknown",
            "clasificacion",
            (user | content) & present_rating,
            ~F.col("clasificacion").isin(*clasificaciones),
        ),
        Rule(
            "decada_invalid",
            "decada_lanzamiento",
            _is("movie") & F.col("decada_lanzamiento").isNotNull(),
            _impossible_decade(F.col("decada")),
            F.when(_after_own_decade(F.col("decada")), _after_event()),
        ),
        Rule(
            "decada_invalid",
            "decadas_favoritas",
            user & ~F.array_contains("wrong_type", F.lit("decadas_favoritas")),
            F.exists("decadas", _impossible_decade),
            F.when(F.exists("decadas", _after_own_decade), _after_event()),
        ),
    ]


def _series_rules() -> list[Rule]:
    series = _is("series")
    seasons, episodes = F.col("temporadas"), F.col("episodios")
    both = (seasons >= 1) & (episodes >= 1)
    return [
        Rule(
            "numero_temporadas_invalid",
            "numero_temporadas",
            series & _present("numero_temporadas"),
            ~(seasons >= 1),
        ),
        Rule(
            "numero_episodios_invalid",
            "numero_episodios",
            series & _present("numero_episodios"),
            ~(episodes >= 1),
        ),
        Rule(
            "episodes_fewer_than_seasons",
            "numero_episodios",
            series & both,
            episodes < seasons,
            F.concat(F.lit("fewer than numero_temporadas "), seasons.cast("string")),
        ),
    ]


def _feedback_rules() -> list[Rule]:
    feedback, action = _is("feedback"), F.col("action")
    return [
        Rule("feedback_reference_missing", "user_id", feedback & _well_typed("user_id"), _blank("user_id")),
        Rule(
            "feedback_reference_missing",
            "content_id",
            feedback & _well_typed("content_id"),
            _blank("content_id"),
        ),
        Rule(
            "action_unknown",
            "action",
            feedback & _well_typed("action"),
            ~action.isin("rating", "view", "like", "dislike"),
        ),
        Rule(
            "rating_out_of_range",
            "rating",
            feedback & (action == "rating") & _well_typed("rating"),
            ~F.col("stars").between(0.5, 5.0),
        ),
        Rule(
            "seconds_watched_invalid",
            "seconds_watched",
            feedback & (action == "view") & _well_typed("seconds_watched"),
            ~(F.col("seconds") >= 0),
        ),
    ]


def _is(*types: str) -> Column:
    return F.col("is_object") & F.col("type").isin(*types)


def _blank(name: str) -> Column:
    return F.col(name).isNull()


def _present(name: str) -> Column:
    return F.col(name).isNotNull()


def _well_typed(name: str) -> Column:
    """An array or object in place of a scalar counts as field_wrong_type only, not as a missing value as well."""
    return ~F.array_contains("wrong_type", F.lit(name))


def _impossible_decade(decade: Column) -> Column:
    return decade.isNull() | (decade < _FIRST_DECADE) | _after_own_decade(decade)


def _after_own_decade(decade: Column) -> Column:
    own = F.concat((F.floor(F.year("event_timestamp") / 10) * 10).cast("string"), F.lit("s"))
    return F.coalesce(decade > own, F.lit(False))


def _after_event() -> Column:
    return _after("event of", F.col("event_timestamp").cast("date").cast("string"))


def _after(what: str, moment: Column) -> Column:
    return F.concat(F.lit(f"after the {what} "), moment)


def _reason(rule: Rule) -> Column:
    is_broken = F.coalesce(rule.applies, F.lit(False)) & F.coalesce(rule.broken, F.lit(True))
    reason = F.struct(
        F.lit(rule.name).alias("rule"),
        _field_of(rule).alias("field"),
        _with_compared(rule, F.substring(_value_of(rule), 1, _VALUE_LENGTH)).alias("value"),
    )
    return F.when(is_broken, reason)


def _with_compared(rule: Rule, sent: Column) -> Column:
    """If two values do not fit each other, either may be the wrong one."""
    return sent if rule.compared is None else F.concat_ws(", ", sent, rule.compared)


def _field_of(rule: Rule) -> Column:
    return F.concat_ws(", ", "wrong_type") if rule.field == "wrong_type" else F.lit(rule.field)


def _value_of(rule: Rule) -> Column:
    """The value that was sent in the judged field, as text."""
    if rule.field in ("value", "key"):
        return F.col(rule.field)
    if rule.field == "wrong_type":
        return F.lit(None).cast("string")
    if rule.field == "decadas_favoritas":
        return F.to_json("decadas_favoritas")
    return F.coalesce(F.col("raw")[rule.field], F.col(rule.field))
