"""Records broken on purpose, one way for each rule of silver; clean records stay unchanged."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Protocol

from producers.sending.records import Fields, Record, encode

# Events reach Kafka up to this much later than they happen.
_DELAY_MS = 2000

Break = Callable[[Fields], bytes]


class Happening(Protocol):
    @property
    def fields(self) -> Fields: ...

    @property
    def instant_ms(self) -> int: ...


def _with(**changes: object) -> Break:
    """Broken by the values of some fields; the others are kept."""
    return lambda fields: encode({**fields, **changes})


def _truncated(fields: Fields) -> bytes:
    whole = encode(fields)
    return whole[: len(whole) * 2 // 3]


def _not_utf8(fields: Fields) -> bytes:
    """What a sender with a Latin-1 terminal writes: its bytes for é and ñ are not valid UTF-8."""
    return encode({**fields, "origen": "señal de México"}).decode().encode("latin-1", errors="replace")


def _far_ahead(fields: Fields) -> bytes:
    year = int(str(fields["timestamp"])[:4])
    return encode({**fields, "timestamp": f"{year + 2}-06-15T12:00:00.000Z"})


_COMMON: Mapping[str, Break] = MappingProxyType(
    {
        "not_utf8": _not_utf8,
        "not_json_object": _truncated,
        "not_json_object: single quotes": lambda fields: repr(fields).encode(),
        "not_json_object: an array": lambda fields: b"[" + encode(fields) + b"]",
        "id_missing": _with(id="  "),
        "type_unknown": _with(type="podcast"),
        "timestamp_invalid": _with(timestamp="ayer"),
        "timestamp_in_future": _far_ahead,
    }
)
_PREFERENCES: Mapping[str, Break] = MappingProxyType(
    {
        "field_wrong_type": _with(generos="Drama"),
        "field_wrong_type: an object inside an array": _with(actores=[{"nombre": "Leo Paz"}]),
        "clasificacion_unknown": _with(clasificacion="74 min"),
    }
)

# For each type of event: the rule that is broken, followed by how if there is more than one way.
BREAKS: Mapping[str, Mapping[str, Break]] = MappingProxyType(
    {
        "user": {
            **_COMMON,
            **_PREFERENCES,
            "nombre_usuario_missing": _with(nombre_usuario=None),
            "fecha_suscripcion_invalid": _with(fecha_suscripcion="2023-02-30"),
            "decada_invalid": _with(decadas_favoritas=["2090s"]),
        },
        "movie": {
            **_COMMON,
            **_PREFERENCES,
            "titulo_missing": _with(titulo=" "),
            "decada_invalid": _with(decada_lanzamiento="1995"),
        },
        "series": {
            **_COMMON,
            **_PREFERENCES,
            "titulo_missing": _with(titulo=None),
            "numero_temporadas_invalid": _with(numero_temporadas=0, numero_episodios=None),
            "numero_episodios_invalid": _with(numero_episodios="muchos"),
            "episodes_fewer_than_seasons": _with(numero_temporadas=5, numero_episodios=3),
        },
        "feedback": {
            **_COMMON,
            "field_wrong_type": _with(user_id=["u000001"]),
            "feedback_reference_missing": _with(content_id=""),
            "action_unknown": _with(action="aplauso"),
            "rating_out_of_range": _with(action="rating", rating=7.5, seconds_watched=None),
            "seconds_watched_invalid": _with(action="view", seconds_watched=-30, rating=None),
        },
    }
)


def seal(events: Iterable[Happening], *, seed: int, kind: str, dirty: float) -> Iterator[Record]:
    """The events as records, a share of them broken, each way in turn.

    Uses draws of its own: another share breaks other events but does not change any event.
    """
    draws = random.Random(f"{seed} {kind} dirt")
    delays = random.Random(f"{seed} {kind} delay")
    ways = list(BREAKS[kind].values())
    broken = 0
    for event in events:
        kafka_ms = event.instant_ms + delays.randrange(_DELAY_MS)
        key = str(event.fields["id"]).encode()
        if draws.random() < dirty:
            value = ways[broken % len(ways)](event.fields)
            broken += 1
        else:
            value = encode(event.fields)
        yield Record(key, value, kafka_ms)
