"""The columns of silver that a source can fill: those for which one of its records has a value."""

import json
from collections.abc import Iterable

from producers.sending.records import Record

_TABLES = {
    "user": "silver.users",
    "movie": "silver.content",
    "series": "silver.content",
    "feedback": "silver.feedback",
}
_EMPTY: tuple[object, ...] = (None, "", [])


def filled_columns(records: Iterable[Record]) -> set[str]:
    """The columns, such as silver.users.clasificacion. Records of unknown types reach no table."""
    filled: dict[str, set[str]] = {table: set() for table in _TABLES.values()}
    for record in records:
        fields = json.loads(record.value or b"{}")
        table = _TABLES.get(fields.get("type"))
        if table is not None:
            filled[table].update(name for name, value in fields.items() if value not in _EMPTY)
    return {f"{table}.{name}" for table, names in filled.items() for name in names}
