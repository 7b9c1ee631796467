"""Which Kafka records are about a person: their user events, their feedback, deletions, and broken records."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from lakehouse.lakehouse import text_in, text_literal
from silver.parsing.fields import FEEDBACK, MOVIE, SERIES, USER
from silver.parsing.wire import ParsedRecord

# An id that a JSON number may have been, in any of its spellings.
_NUMBER = re.compile(r"[\d.eE+-]+")


class Person(NamedTuple):
    """A user's id as silver has it, and the ids of their feedback: a deletion of it names nobody."""

    user_id: str
    feedback_ids: frozenset[str] = frozenset()

    @property
    def ids(self) -> frozenset[str]:
        return self.feedback_ids | {self.user_id}


def is_about(record: ParsedRecord, person: Person) -> bool:
    """Whether the record is about the person. One that does not say whose it is counts if it names them anywhere.

    An event of a title never is: a title may have the same id.
    """
    fields, user_id = record.event.fields, person.user_id
    if record.is_tombstone and record.key_id is not None:
        return record.key_id in person.ids
    if fields["type"] in (MOVIE, SERIES):
        return False
    if fields["type"] == FEEDBACK and fields["user_id"] is not None:
        return bool(fields["user_id"] == user_id)
    if fields["type"] == USER and fields["id"] is not None:
        return user_id in (fields["id"], record.key_id)
    return any(names(part, user_id) for part in _parts(record))


def names(text: bytes, user_id: str) -> bool:
    """Whether the bytes hold the id, and not as a part of a longer word."""
    return re.search(rb"(?<![\w-])" + re.escape(user_id.encode()) + rb"(?![\w-])", text) is not None


def _parts(record: ParsedRecord) -> Iterator[bytes]:
    """The key and the value as bytes, those that there are."""
    for part in (record.key, record.value):
        if part is not None:
            yield part.encode()
    for raw in (record.key_raw, record.value_raw):
        if raw is not None:
            yield raw


def may_be_about(user_id: str) -> str:
    """The SQL condition of the records that `is_about` has to judge: far fewer than all, if the id allows it.

    JSON may escape any character and spell a number in many ways.
    """
    if not user_id.isascii() or _NUMBER.fullmatch(user_id):
        return "true"
    wanted = text_literal(user_id)
    conditions = (
        *(f"strpos(key, {wanted}) > 0", f"strpos(value, {wanted}) > 0", "strpos(value, '\\u') > 0"),
        *("key_raw IS NOT NULL", "value_raw IS NOT NULL"),
    )
    return " OR ".join(conditions)


def deletes_feedback(person: Person) -> str:
    """The SQL condition of the deletions of what the person did."""
    return f"value IS NULL AND value_raw IS NULL AND {text_in('key', sorted(person.feedback_ids))}"
