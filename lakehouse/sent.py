"""Which silver columns the sources sent so far can fill, so that a check expects no others."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from lakehouse.drafts import replacing
from lakehouse.errors import InputError
from lakehouse.locks import locked

FILE = "sent_columns.json"
_LOCK = "sent_columns.lock"
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


NOTHING_TOLD = Sent()


def read(ops_dir: Path) -> Sent:
    file = ops_dir / FILE
    if not file.is_file():
        return NOTHING_TOLD
    try:
        return Sent(frozenset(json.loads(file.read_text(encoding="utf-8"))))
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{file} is not a JSON list of columns",
            todo="delete it: then every column is expected that quality.may_be_null does not list",
        ) from error


def remember(ops_dir: Path, columns: Collection[str], *, root: str) -> None:
    """Add the columns of a source that is about to be sent.

    If bronze already has rows but this file does not exist, nobody knows what they can fill: every column stays
    expected.
    """
    ops_dir.mkdir(parents=True, exist_ok=True)
    with locked(ops_dir / _LOCK):
        known = read(ops_dir).columns
        if known is None:
            known = frozenset(EVERY if _has_bronze_rows(root) else ())
        with replacing(ops_dir / FILE) as draft:
            draft.write_text(json.dumps(sorted({*known, *columns})), encoding="utf-8")


def _has_bronze_rows(root: str) -> bool:
    """Judged by its tables' files, because a producer has no Spark; files in an object store are not seen."""
    bronze = Path(root) / "bronze"
    files = () if "://" in root else bronze.rglob("*.parquet")
    return any("_delta_log" not in file.relative_to(bronze).parts for file in files)
