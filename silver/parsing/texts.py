"""Single values as cleaned text."""

from typing import Any

from lakehouse.text import cleaned
from silver.parsing.strict_json import as_json

NESTED = (dict, list)
# Genres and people repeat. Longer texts hardly do, and would fill the memory.
LONGEST_KEPT = 60
_MOST_KEPT = 50_000


def scalar(value: Any) -> str | None:
    """The cleaned text of a scalar; None for an array or object."""
    if isinstance(value, str):
        return cleaned(value)
    return None if value is None or isinstance(value, NESTED) else as_json(value)


class _Texts(dict[Any, str | None]):
    """The cleaned text of each array item. Looking it up takes a third of the time of cleaning it again."""

    def __missing__(self, item: Any) -> str | None:
        text = scalar(item)
        if isinstance(item, str) and len(item) <= LONGEST_KEPT:
            if len(self) >= _MOST_KEPT:
                self.clear()
            self[item] = text
        return text


# The cleaned text of an array's item; a TypeError for an array or object, which cannot be looked up.
item_text = _Texts().__getitem__
