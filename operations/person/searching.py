"""Proof that nothing under the root names a person any more: every file is read, whatever wrote it."""

import gzip
import io
import re
from collections.abc import Collection, Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lakehouse import forgotten
from lakehouse.folders import Folder

# Kafka keeps its records by its own retention.
_ELSEWHERE = ("kafka/", f"{forgotten.FOLDER}/")
# What is about titles: one may have the id of a person.
_OF_TITLES = ("content_id", "recommended_content")
_TITLE_TABLES = ("silver/content/", "gold/content_popularity/")
_TEXTS = (
    *(pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
    *(pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view),
)


def files_naming(root: Folder, user_ids: Collection[str]) -> tuple[dict[str, int], int]:
    """The files under the root that hold one of the ids as a word, with how often; and how many were searched."""
    pattern = _pattern(user_ids)
    paths = [path for path in root.stored() if not path.startswith((*_ELSEWHERE, *_TITLE_TABLES))]
    hits = {path: _hits(path, root.read(path), pattern) for path in paths}
    return {path: count for path, count in sorted(hits.items()) if count}, len(paths)


def _pattern(user_ids: Collection[str]) -> str:
    listed = "|".join(re.escape(one) for one in sorted(user_ids))
    return rf"(?:^|[^\w-])(?:{listed})(?:[^\w-]|$)"


def _hits(path: str, content: bytes, pattern: str) -> int:
    if path.endswith(".parquet"):
        return sum(_matches(column, pattern) for column in _texts(content))
    if path.endswith(".gz"):
        content = gzip.decompress(content)
    return len(re.findall(pattern.encode(), content))


def _texts(content: bytes) -> Iterator[pa.Array]:
    """The texts and bytes of every column that may name a person, in parts."""
    for batch in pq.ParquetFile(io.BytesIO(content)).iter_batches():
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if name not in _OF_TITLES:
                yield from _leaves(column)


def _leaves(column: pa.Array) -> Iterator[pa.Array]:
    kind = column.type
    if pa.types.is_map(kind):
        yield from _leaves(column.keys)
        yield from _leaves(column.items)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from _leaves(column.values)
    elif pa.types.is_struct(kind):
        for field in column.flatten():
            yield from _leaves(field)
    elif pa.types.is_dictionary(kind):
        yield from _leaves(column.dictionary)
    elif any(is_kind(kind) for is_kind in _TEXTS):
        # from a view only by way of its own kind
        plain = pa.string() if pa.types.is_string_view(kind) else pa.binary()
        yield column.cast(plain).cast(pa.binary())


def _matches(column: pa.Array, pattern: str) -> int:
    return int(pc.sum(pc.match_substring_regex(column, pattern)).as_py() or 0)
