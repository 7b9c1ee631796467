"""Whom a record is about, by the ids in it; and the records of people who were forgotten."""

import re
from collections.abc import Iterator

from lakehouse.pseudonyms import Forgotten
from lakehouse.text import cleaned
from silver.parsing.fields import FEEDBACK, MOVIE, SERIES, USER
from silver.parsing.wire import ParsedRecord, read_record

_WORD = re.compile(r"[\w-]+")
_QUOTED = re.compile(r'"([^"\\]*)"')


def people(record: ParsedRecord) -> set[str]:
    """The ids of the people that the record may be about.

    A record that does not say whose it is counts for everybody whom it names. An event of a title is about
    nobody: a title may have the id of a person.
    """
    fields = record.event.fields
    if record.is_tombstone and record.key_id is not None:
        return {record.key_id}
    if fields["type"] in (MOVIE, SERIES):
        return set()
    if fields["type"] == FEEDBACK and fields["user_id"] is not None:
        return {fields["user_id"]}
    if fields["type"] == USER and fields["id"] is not None:
        return {one for one in (fields["id"], record.key_id) if one is not None}
    return {name for part in _parts(record) for name in names(part)}


def names(text: str) -> set[str]:
    """Everything in a text that may be an id: its words, its quoted parts, and the whole of it."""
    parts = map(cleaned, [*_QUOTED.findall(text), text])
    return {*_WORD.findall(text), *(part for part in parts if part is not None)}


def withheld(record: ParsedRecord, forgotten: Forgotten) -> ParsedRecord:
    """The record; if it is about somebody who was forgotten, a deletion of their pseudonym in its place."""
    pseudonym = forgotten.pseudonym_of(people(record)) if forgotten.pseudonyms else None
    return record if pseudonym is None else read_record(pseudonym, None, None, None, record.kafka_time)


def _parts(record: ParsedRecord) -> Iterator[str]:
    """The key and the value as text, those that there are."""
    for text in (record.key, record.value):
        if text is not None:
            yield text
    for raw in (record.key_raw, record.value_raw):
        if raw is not None:
            yield raw.decode(errors="replace")
