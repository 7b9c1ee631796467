"""The names of titles."""

from collections.abc import Collection
from typing import NamedTuple

from lakehouse.sql import text_in
from lakehouse.tables import SILVER_CONTENT
from operations.report.pinned_tables import PinnedTables


class Named(NamedTuple):
    name: str
    kind: str


def title_names(snapshot: PinnedTables, content_ids: Collection[str]) -> dict[str, Named]:
    """The names and kinds of these titles, by id; silver may not have all of them."""
    if not snapshot.has(SILVER_CONTENT):
        return {}
    rows = snapshot.query(
        f"SELECT id, titulo, type FROM titles WHERE {text_in('id', content_ids)} ORDER BY id, titulo, type",  # noqa: S608
        titles=SILVER_CONTENT,
    )
    return {row["id"]: Named(row["titulo"], row["type"]) for row in rows}
