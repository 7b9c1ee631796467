"""The titles of silver.content, and the features that affinity compares them by, read without Spark.

Nothing here calls `pyarrow.array`: it imports pandas, which takes a third of a second and 50 MB.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from gold.affinity.features import FeatureWeights
from lakehouse.lakehouse import Lakehouse
from lakehouse.sql import text_in
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


@dataclass(frozen=True)
class TitleReader:
    """All titles at one version of silver.content, whatever a stream does to the table meanwhile."""

    lakehouse: Lakehouse
    version: int

    def named(self, content_ids: Collection[str]) -> dict[str, dict[str, Any]]:
        """The name, kind and tastes columns of these titles, by id; silver may not have all of them."""
        where = text_in("id", content_ids)
        rows = self.lakehouse.read(SILVER_CONTENT, version=self.version, columns=_COLUMNS, where=where)
        return {row["id"]: row for row in rows.to_pylist()}

    def ids(self) -> Any:
        """The ids of all titles in ascending order, as an Arrow array."""
        rows = self.lakehouse.read(SILVER_CONTENT, version=self.version, columns=["id"])
        return rows.sort_by("id")["id"].combine_chunks()

    def features(self, *, weights: FeatureWeights) -> pa.Table:
        """One row per title and feature (`kind:value`): those of gold.affinity.cosine.named_features."""
        kinds = [kind for kind, weight in weights._asdict().items() if weight > 0]
        rows = " UNION ALL ".join(map(_features_of, kinds)) or "SELECT id, id AS feature FROM titles WHERE false"
        return self.lakehouse.query(rows, titles=(SILVER_CONTENT, self.version))


def latest_titles(lakehouse: Lakehouse) -> TitleReader:
    return TitleReader(lakehouse, lakehouse.version(SILVER_CONTENT))


def _features_of(kind: str) -> str:
    values = f"SELECT id, {_VALUES[kind]} AS value FROM titles"  # noqa: S608
    return f"SELECT id, '{kind}:' || value AS feature FROM ({values}) WHERE value IS NOT NULL"  # noqa: S608
