"""A table's state at one version, from its log alone, read by delta-rs."""

from typing import NamedTuple

import pyarrow.compute as pc
from deltalake import DeltaTable

from lakehouse.arrow import as_arrow
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import Table

_VECTORS = "deletionVectors"


class Snapshot(NamedTuple):
    """One version of a table. `size` is in bytes; `rows` is None if a file's statistics lack them."""

    version: int
    rows: int | None
    files: int
    size: int


def read_snapshot(lake: Lakehouse, table: Table, version: int | None = None) -> Snapshot:
    """The table at that version, or at its latest. Raises TableError if there is no such table or version."""
    delta = lake.delta(table, version)
    files = as_arrow(delta.get_add_actions())
    counts = files["num_records"]
    rows = None if counts.null_count else (pc.sum(counts).as_py() or 0) - hidden_rows(delta)
    return Snapshot(delta.version(), rows, files.num_rows, pc.sum(files["size_bytes"]).as_py() or 0)


def live_files(lake: Lakehouse, table: Table, version: int | None = None) -> dict[str, int]:
    """The data files of that version, or of the latest: their paths as in the log, and their sizes in bytes."""
    return file_sizes(lake.delta(table, version))


def file_sizes(delta: DeltaTable) -> dict[str, int]:
    """The same of an opened table."""
    files = as_arrow(delta.get_add_actions())
    return dict(zip(files["path"].to_pylist(), files["size_bytes"].to_pylist(), strict=True))


def has_vectors(delta: DeltaTable) -> bool:
    """Whether rows of an opened table may be behind deletion vectors."""
    return _VECTORS in (delta.protocol().reader_features or ())


def hidden_rows(delta: DeltaTable) -> int:
    """The rows that are still in the files of an opened table but behind a deletion vector."""
    if not has_vectors(delta):
        return 0
    kept = as_arrow(delta.deletion_vectors())["selection_vector"]
    return sum(pc.sum(pc.invert(mask.values)).as_py() or 0 for mask in kept)
