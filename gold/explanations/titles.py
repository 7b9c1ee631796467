"""The titles of silver.content, and the features that affinity compares them by, read without Spark.

Nothing here calls `pyarrow.array`: it imports pandas, which takes a third of a second and 50 MB.
"""

from collections.abc import Collection
from typing import Any

import pyarrow as pa

from gold.affinity.features import Weights
from lakehouse.lakehouse import Lakehouse, text_in
from lakehouse.tables import SILVER_CONTENT

_COLUMNS = (
    *("id", "titulo", "type", "generos", "directores", "actores"),
    *("clasificacion", "decada_lanzamiento"),
)
_VALUES = {
    "genre": "unnest(array_distinct(generos))",
    "director": "unnest(array_distinct(directores))",
    "actor": "unnest(array_distinct(actores))",
    "rating": "clasificacion",
    "decade": "decada_lanzamiento",
}


def read_titles(lakehouse: Lakehouse, content_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """The name, kind and tastes columns of these titles, by id; silver may not have all of them."""
    rows = lakehouse.read(SILVER_CONTENT, columns=_COLUMNS, where=text_in("id", content_ids))
    return {row["id"]: row for row in rows.to_pylist()}


def read_ids(lakehouse: Lakehouse) -> Any:
    """The ids of all titles in ascending order, as an Arrow array."""
    return lakehouse.read(SILVER_CONTENT, columns=["id"]).sort_by("id")["id"].combine_chunks()


def read_features(lakehouse: Lakehouse, *, weights: Weights) -> pa.Table:
    """One row per title and feature (`kind:value`): those of gold.affinity.cosine.named_features."""
    kinds = [kind for kind, weight in weights._asdict().items() if weight > 0]
    rows = " UNION ALL ".join(map(_features_of, kinds)) or "SELECT id, id AS feature FROM titles WHERE false"
    return lakehouse.query(rows, titles=SILVER_CONTENT)


def _features_of(kind: str) -> str:
    values = f"SELECT id, {_VALUES[kind]} AS value FROM titles"  # noqa: S608
    return f"SELECT id, '{kind}:' || value AS feature FROM ({values}) WHERE value IS NOT NULL"  # noqa: S608
