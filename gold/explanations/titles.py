"""The titles of silver.content as Arrow, with the features that affinity compares them by. No Spark."""

from collections.abc import Collection
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gold.affinity.features import Weights
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import SILVER_CONTENT

_COLUMNS = (
    *("id", "titulo", "type", "generos", "directores", "actores"),
    *("clasificacion", "decada_lanzamiento"),
)


def read_titles(lakehouse: Lakehouse) -> pa.Table:
    """One row per title, by id: its name and kind, and its tastes columns."""
    return lakehouse.read(SILVER_CONTENT, columns=_COLUMNS).sort_by("id")


def chosen_titles(titles: pa.Table, content_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """Those of the titles that have these ids, by id."""
    chosen = titles.filter(pc.is_in(titles["id"], pa.array(sorted(content_ids), pa.string())))
    return {row["id"]: row for row in chosen.to_pylist()}


def with_features(titles: pa.Table, *, weights: Weights) -> pa.Table:
    """The titles with `features` for `index_features`, those of gold.affinity.cosine.named_features."""
    values = {
        "genre": titles["generos"].to_pylist(),
        "director": titles["directores"].to_pylist(),
        "actor": titles["actores"].to_pylist(),
        "rating": _in_lists(titles["clasificacion"]),
        "decade": _in_lists(titles["decada_lanzamiento"]),
    }
    kinds = [kind for kind, weight in weights._asdict().items() if weight > 0]
    features: list[dict[str, None]] = [{} for _ in range(titles.num_rows)]
    for kind in kinds:
        for own, listed in zip(features, values[kind], strict=True):
            own.update(dict.fromkeys(f"{kind}:{value}" for value in listed))
    return titles.append_column("features", pa.array(map(list, features), pa.list_(pa.string())))


def _in_lists(column: Any) -> list[list[str]]:
    return [[] if value is None else [value] for value in column.to_pylist()]
