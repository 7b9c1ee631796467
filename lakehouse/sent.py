"""Which silver columns the sources sent so far can fill, so that a check expects no others."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from lakehouse.errors import InputError
from lakehouse.exports import write_file
from lakehouse.folders import open_folder
from lakehouse.locks import waiting_for

FILE = "sent_columns.json"
_LOCK = "sent_columns"
# The columns of a source that can fill all of them.
EVERY = ("*",)
# A gold table is empty if its silver table is.
_MADE_FROM = {
    "gold.affinity_ratings": "silver.users",
    "gold.recommendations": "silver.users",
    "gold.powerbi_recommendations": "silver.users",
    "gold.content_popularity": "silver.feedback",
    "gold.model_metrics": "silver.feedback",
}


class Sent(NamedTuple):
    """The `columns` of all sources, e.g. silver.users.clasificacion; None if no source has declared any."""

    columns: frozenset[str] | None = None

    def lacks_column(self, column: str) -> bool:
        """Whether no source fills this column of silver."""
        if self.columns is None or EVERY[0] in self.columns:
            return False
        return column.startswith("silver.") and column not in self.columns

    def lacks_table(self, table: str) -> bool:
        """Whether no source has a row for this table."""
        if self.columns is None or EVERY[0] in self.columns:
            return False
        table = _MADE_FROM.get(table, table)
        is_sent = table in ("silver.users", "silver.content", "silver.feedback")
        return is_sent and not any(column.startswith(f"{table}.") for column in self.columns)


NOTHING_DECLARED = Sent()


def read(place: Path | str) -> Sent:
    """What has been sent, as `Settings.shared_ops` has it."""
    try:
        return Sent(frozenset(json.loads(open_folder(str(place)).read(FILE))))
    except FileNotFoundError:
        return NOTHING_DECLARED
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{place}/{FILE} is not a JSON list of columns",
            todo="delete it: then every column is expected that quality.may_be_null does not list",
        ) from error


def declare(place: Path | str, columns: Collection[str], *, root: str) -> None:
    """Add the columns of a source that is about to be sent.

    If bronze already has rows but this file does not exist, nobody knows what they can fill: every column stays
    expected.
    """
    with waiting_for(place, _LOCK):
        known = read(place).columns
        if known is None:
            known = frozenset(EVERY if _has_bronze_rows(root) else ())
        write_file(f"{place}/{FILE}", json.dumps(sorted({*known, *columns})).encode())


def _has_bronze_rows(root: str) -> bool:
    """Judged by its tables' files: opening a table takes longer."""
    bronze = open_folder(root) / "bronze"
    return any(name.endswith(".parquet") for table in bronze.names() for name in (bronze / table).names())
