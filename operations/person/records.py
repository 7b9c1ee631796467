"""Which Kafka records are about a person whose id is known."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from lakehouse.sql import in_part, text_in, text_literal
from silver.parsing.people import people
from silver.parsing.wire import ParsedRecord

# An id that a JSON number may have been, in any of its spellings.
_NUMBER = re.compile(r"[\d.eE+-]+")


# A Kafka record: topic, partition, offset.
Place = tuple[str, int, int]


class Person(NamedTuple):
    """A user's id as silver has it, and the ids of their feedback: a deletion of it names nobody."""

    user_id: str
    feedback_ids: frozenset[str] = frozenset()

    @property
    def ids(self) -> frozenset[str]:
        return self.feedback_ids | {self.user_id}


def is_about(record: ParsedRecord, person: Person) -> bool:
    """Whether the record is about the person, or deletes something that they did."""
    return person.user_id in people(record) or (record.is_tombstone and record.key_id in person.feedback_ids)


def is_number(user_id: str) -> bool:
    return _NUMBER.fullmatch(user_id) is not None


def may_be_about(user_id: str) -> str:
    """The SQL condition of the records that `is_about` has to judge: far fewer than all, if the id allows it.

    JSON may escape any character and spell a number in many ways.
    """
    if not user_id.isascii() or is_number(user_id):
        return "true"
    wanted = text_literal(user_id)
    conditions = (
        *(f"strpos(key, {wanted}) > 0", f"strpos(value, {wanted}) > 0", "strpos(value, '\\u') > 0"),
        *("key_raw IS NOT NULL", "value_raw IS NOT NULL"),
    )
    return " OR ".join(conditions)


def at_places(places: Iterable[Place]) -> str:
    """The SQL condition of the records at these places."""
    offsets: dict[tuple[str, int], list[int]] = {}
    for topic, partition, offset in sorted(places):
        offsets.setdefault((topic, partition), []).append(offset)
    parts = (f'({in_part(part)} AND "offset" IN ({", ".join(map(str, held))}))' for part, held in offsets.items())
    return " OR ".join(parts) or "false"


def place_of(row: Mapping[str, Any]) -> Place:
    return row["topic"], row["partition"], row["offset"]


def deletes_feedback(person: Person) -> str:
    """The SQL condition of the deletions of what the person did."""
    return f"value IS NULL AND value_raw IS NULL AND {text_in('key', sorted(person.feedback_ids))}"
