"""Fields that no type has, from the rows of silver.batches alone."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import SILVER_BATCHES
from silver.drift import drifted_fields
from tests.support.delta_tables import NOON, batch, write

LATER = NOON + timedelta(hours=1)


def field(name: str, rows: int, sample: str | None, **changes: Any) -> dict[str, Any]:
    return {
        "field": name,
        "rows": rows,
        "sample": sample,
        "topic": "t",
        "type": "user",
        "first_seen": NOON,
    } | changes


def test_a_field_is_listed_once_with_its_first_sample(tmp_path: Path) -> None:
    write(
        tmp_path,
        SILVER_BATCHES,
        # a later batch may have seen an earlier record, as in a replay
        batch(0, field("pais", 2, "MX", first_seen=LATER), field("edad", 1, "31")),
        batch(1, field("pais", 3, None), field("pais", 1, "AR", type="movie", first_seen=LATER)),
        batch(2),
        # batches before version 0.2 record no topic and no type: their end stands in for the time
        batch(3, field("pais", 4, "PE", topic=None, type=None, first_seen=None), at=LATER + timedelta(hours=1)),
    )
    found = drifted_fields(Lakehouse(tmp_path).read(SILVER_BATCHES))
    assert [tuple(one) for one in found] == [
        ("t", "user", "edad", NOON, 0, 1, "31"),
        ("t", "user", "pais", NOON, 0, 5, "MX"),
        ("t", "movie", "pais", LATER, 1, 1, "AR"),
        (None, None, "pais", LATER + timedelta(hours=1), 3, 4, "PE"),
    ]
