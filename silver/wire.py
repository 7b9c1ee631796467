"""From the bytes of a bronze row to typed, cleaned fields: the wire format of the platform."""

from typing import NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from silver.moments import calendar_date, event_time
from silver.text import bracketed, json_object, nfc, normalised, trimmed

ENVELOPE = ("id", "type", "timestamp")


class Fields(NamedTuple):
    """The fields that a type has beside the envelope, by their JSON kind."""

    scalars: tuple[str, ...]
    arrays: tuple[str, ...]


_PEOPLE_AND_GENRES = ("generos", "directores", "actores")
_FIELDS = {
    "user": Fields(
        ("nombre_usuario", "fecha_suscripcion", "clasificacion"), (*_PEOPLE_AND_GENRES, "decadas_favoritas")
    ),
    "movie": Fields(("titulo", "clasificacion", "decada_lanzamiento"), _PEOPLE_AND_GENRES),
    "series": Fields(("titulo", "clasificacion", "numero_temporadas", "numero_episodios"), _PEOPLE_AND_GENRES),
    "feedback": Fields(("user_id", "content_id", "action", "rating", "seconds_watched"), ()),
}
TYPES = tuple(_FIELDS)

_SCALARS = tuple(dict.fromkeys([*ENVELOPE, *(name for fields in _FIELDS.values() for name in fields.scalars)]))
_ARRAYS = tuple(dict.fromkeys(name for fields in _FIELDS.values() for name in fields.arrays))

# The whole object in one cast: scalars as text whatever their JSON kind (an array or object as its JSON).
_WIRE = (
    "struct<"
    + ",".join([f"{name}:string" for name in _SCALARS] + [f"{name}:array<string>" for name in _ARRAYS])
    + ">"
)

# An integer as a number or a string brings it; 3.0 is one, 2.5 is none.
_INTEGER = r"^\d+(\.0+)?$"
_NUMBER = r"^[+-]?\d+(\.\d+)?([eE][+-]?\d+)?$"
_DECADE = r"^\d{3}0s?$"
_SAMPLE_LENGTH = 200


def parse(rows: DataFrame) -> DataFrame:
    """One row is one bronze row with what its bytes say.

    Adds `is_tombstone`, `is_object`, every wire field (strings trimmed and NFC, null where blank, absent or of
    the wrong JSON kind), `raw` (each scalar field as it was sent), `wrong_type` (names of fields of the wrong
    kind), typed values (`event_timestamp`, `fecha`, `temporadas`, ...) and `unknown_fields`.
    """
    arrays = rows.withColumn("array", bracketed(F.col("value")))
    objects = arrays.withColumn("object", json_object(F.col("array"), F.col("value")))
    documents = objects.withColumn("document", normalised(F.col("object"), F.col("value")))
    return _typed(_fields(documents)).drop("array", "object", "document", "wire")


def _fields(documents: DataFrame) -> DataFrame:
    read = documents.withColumn("wire", F.try_variant_get(F.col("document"), "$", _WIRE))
    raw = F.struct(*[F.col(f"wire.{name}").alias(name) for name in _SCALARS])
    cleaned = read.select(
        "*",
        raw.alias("raw"),
        *[F.when(~_is_nested(name), trimmed(F.col(f"wire.{name}"))).alias(name) for name in _SCALARS],
        *[_array(name).alias(name) for name in _ARRAYS],
        (F.col("value").isNull() & F.col("value_raw").isNull()).alias("is_tombstone"),
        F.col("document").isNotNull().alias("is_object"),
        trimmed(nfc(F.col("key"))).alias("key_id"),
    )
    return cleaned.select("*", _wrong_type().alias("wrong_type"), _unknown_fields().alias("unknown_fields"))


def _typed(read: DataFrame) -> DataFrame:
    moment = F.when(F.col("is_tombstone"), F.col("kafka_timestamp")).otherwise(event_time(F.col("timestamp")))
    # "after the event by more than a day" and "the event's own decade" need the event's time first
    timed = read.withColumn("event_timestamp", moment)
    return timed.select(
        "*",
        calendar_date(F.col("fecha_suscripcion")).alias("fecha"),
        decade(F.col("decada_lanzamiento")).alias("decada"),
        F.transform("decadas_favoritas", decade).alias("decadas"),
        integer(F.col("numero_temporadas")).alias("temporadas"),
        integer(F.col("numero_episodios")).alias("episodios"),
        integer(F.col("seconds_watched")).alias("seconds"),
        F.when(F.col("rating").rlike(_NUMBER), F.col("rating").try_cast("double")).alias("stars"),
    )


def integer(text: Column) -> Column:
    """An INT from digits, null for anything else or anything larger than an INT holds."""
    return F.when(text.rlike(_INTEGER), F.split_part(text, F.lit("."), F.lit(1)).try_cast("int"))


def decade(text: Column) -> Column:
    """`1990s` from `1990s` or `1990`, null for anything else."""
    return F.when(text.rlike(_DECADE), F.concat(F.substring(text, 1, 4), F.lit("s")))


def _get(name: str, kind: str) -> Column:
    return F.try_variant_get(F.col("document"), f"$.{name}", kind)


def _is_nested(name: str) -> Column:
    """Whether a scalar's place holds an array or object. Only text that looks like one is asked for its kind."""
    text = F.col(f"wire.{name}")
    looks_nested = text.startswith("[") | text.startswith("{")
    kinds = _get(name, "array<variant>").isNotNull() | _get(name, "map<string,variant>").isNotNull()
    return F.coalesce(looks_nested & kinds, F.lit(False))


def _array(name: str) -> Column:
    """The array's items: trimmed, nulls and blanks dropped, duplicates removed with order kept."""
    items = F.transform(F.col(f"wire.{name}"), trimmed)
    return F.coalesce(F.array_distinct(F.array_compact(items)), F.array().cast("array<string>"))


def _wrong_type() -> Column:
    """The names of the fields of this row's type whose JSON kind is wrong."""
    checks = [F.when(_is_nested(name), F.lit(name)) for name in ENVELOPE]
    for name in _SCALARS[len(ENVELOPE) :]:
        checks.append(F.when(_has_field(name) & _is_nested(name), F.lit(name)))
    for name in _ARRAYS:
        checks.append(F.when(_has_field(name) & _is_bad_array(name), F.lit(name)))
    return F.array_compact(F.array(*checks))


def _has_field(name: str) -> Column:
    kinds = [kind for kind, fields in _FIELDS.items() if name in (*fields.scalars, *fields.arrays)]
    return F.col("type").isin(*kinds)


def _is_bad_array(name: str) -> Column:
    """Whether an array's place holds something else, or the array something that is no scalar."""
    items = F.col(f"wire.{name}")
    other_kind = items.isNull() & _get(name, "string").isNotNull()
    looks_nested = F.exists(items, lambda item: item.startswith("[") | item.startswith("{"))
    nested = F.exists(
        _get(name, "array<variant>"),
        lambda item: (
            F.try_variant_get(item, "$", "map<string,variant>").isNotNull()
            | F.try_variant_get(item, "$", "array<variant>").isNotNull()
        ),
    )
    return other_kind | F.coalesce(looks_nested & nested, F.lit(False))


def _unknown_fields() -> Column:
    """Fields that the type does not have, each with a sample; empty where the type itself is unknown."""
    members = F.map_entries(F.try_variant_get(F.col("document"), "$", "map<string,variant>"))
    known = F.lit(None).cast("array<string>")
    for kind, fields in _FIELDS.items():
        names = F.array(*[F.lit(name) for name in (*ENVELOPE, *fields.scalars, *fields.arrays)])
        known = F.when(F.col("type") == kind, names).otherwise(known)
    unknown = F.filter(members, lambda member: ~F.array_contains(known, member["key"]))
    samples = F.transform(
        unknown,
        lambda member: F.struct(
            member["key"].alias("field"),
            F.substring(F.try_variant_get(member["value"], "$", "string"), 1, _SAMPLE_LENGTH).alias("sample"),
        ),
    )
    return F.coalesce(samples, F.array().cast("array<struct<field:string,sample:string>>"))
