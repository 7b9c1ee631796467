"""Which events win, in plain Python: what `silver.latest` decides in Spark, for a batch on the driver."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from silver.latest import TABLES, TOMBSTONE

# The values of silver.latest.ORDER: the times of the event and its Kafka record in microseconds, and its place.
Moment = tuple[int, int, str, int, int]
# Every moment that one table holds for an id: one, unless somebody wrote it twice.
Held = Mapping[str, list[Moment]]


class Incoming(NamedTuple):
    """One valid record: its number in the batch, the table it belongs to, the id it is about, and its moment."""

    row: int
    target: str
    entity: str
    moment: Moment


class Decision(NamedTuple):
    """What becomes of the latest record of one target and entity, in the terms of `silver.latest.decide`."""

    latest: Incoming
    wins: bool
    is_held: bool
    is_held_twice: bool
    held_in: frozenset[str]


def decide(records: Iterable[Incoming], held: Mapping[str, Held]) -> list[Decision]:
    """One decision per target and entity, by the rules that `silver.latest.decide` states.

    `held` has for each table of silver that could matter what it holds for the batch's entities.
    """
    latest: dict[tuple[str, str], Incoming] = {}
    for record in records:
        key = (record.target, record.entity)
        known = latest.get(key)
        # two rows of one record have the same moment: the later row decides
        if known is None or (record.moment, record.row) > (known.moment, known.row):
            latest[key] = record
    deletions, events = _rivals(latest.values(), held)
    return [_decision(record, held, deletions, events) for record in latest.values()]


def _rivals(
    latest: Iterable[Incoming], held: Mapping[str, Held]
) -> tuple[Mapping[str, Moment], Mapping[str, Moment]]:
    """The latest deletion and the latest event of each entity, whether they are incoming or held."""
    deletions, events = dict[str, Moment](), dict[str, Moment]()
    for record in latest:
        _raise(deletions if record.target == TOMBSTONE else events, record.entity, record.moment)
    for name, rows in held.items():
        for entity, moments in rows.items():
            _raise(deletions if name == TOMBSTONE else events, entity, max(moments))
    return deletions, events


def _raise(moments: dict[str, Moment], entity: str, moment: Moment) -> None:
    moments[entity] = max(moments.get(entity, moment), moment)


def _decision(
    record: Incoming,
    held: Mapping[str, Held],
    deletions: Mapping[str, Moment],
    events: Mapping[str, Moment],
) -> Decision:
    own = held.get(record.target, {}).get(record.entity, [])
    rival = (events if record.target == TOMBSTONE else deletions).get(record.entity)
    beats_held = not own or record.moment >= max(own)
    beats_rival = rival is None or record.moment > rival
    return Decision(
        record,
        wins=beats_held and beats_rival,
        is_held=bool(own),
        is_held_twice=beats_held and len(own) > 1,
        held_in=frozenset(name for name in TABLES if record.entity in held.get(name, {})),
    )


def grouped(rows: Iterable[tuple[str, Moment]]) -> Held:
    """What a table holds, by id."""
    by_entity = defaultdict[str, list[Moment]](list)
    for entity, moment in rows:
        by_entity[entity].append(moment)
    return by_entity
