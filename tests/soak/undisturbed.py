"""How a soak ends: everything is accounted for, and equal to what a run without disturbances makes of Kafka.

That run reads all records at once, with the code and the settings that the soak ended with. What people decided is
given to it: whom to forget, and the corrections of the quarantine.
"""

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from lakehouse.lakehouse import select
from lakehouse.tables import SILVER_CORRECTIONS, SILVER_QUARANTINE, SILVER_TOMBSTONES, Table
from tests.soak.whole import Platform, json_in
from tests.support.undisturbed import BRONZE, CLOCKS, SILVER

# When something was written or decided.
_TIMES = (*CLOCKS, "resolved_at", "replayed_at", "replay_id", "cause")


def expect_all_accounted(platform: Platform, sent: int) -> dict[str, Any]:
    """The audit finds no fault, and every record that Kafka has confirmed; both streams are stopped."""
    found = json_in(platform.command("audit", "--json"))
    partitions = found["partitions"]
    assert found["faults"] == []
    assert sum(part["unread"] + part["unrefined"] + part["missing"] + part["doubled"] for part in partitions) == 0
    assert sum(part["bronze"] + part["removed"] for part in partitions) >= sent
    return found


def expect_forgotten(platform: Platform, people: list[str]) -> None:
    """Whatever arrived late goes too, and no file under the root names them."""
    if people:
        listed = platform.folder / "forgotten.txt"
        listed.write_text("\n".join(people), encoding="utf-8")
        said = platform.command("forget", "--file", str(listed), "--yes", "--json", codes=(0, 1))
        assert json_in(said)["naming"] == {}


def expect_undisturbed(platform: Platform, people: list[str], *, retains: bool) -> None:
    """All rows equal those of the other run; of bronze those that retention has left."""
    undisturbed = platform.folder / "undisturbed"
    _give(platform.root, undisturbed, "forgotten")
    settings = platform.settings.model_copy(
        update={
            "root": str(undisturbed),
            "bronze": platform.settings.bronze.model_copy(update={"keep_days": 0}),
        }
    )
    for layer in ("bronze", "silver"):
        platform.command("run", "--select", layer, settings=settings)
    if people:
        platform.command("forget", "--yes", settings=settings)
    # with the corrections, which a stream does not apply
    _give(platform.root, undisturbed, f"{SILVER_CORRECTIONS.layer}/{SILVER_CORRECTIONS.name}")
    platform.command("rebuild", "silver", settings=settings)
    assert [*differences(platform.root, undisturbed, retains=retains)] == []


def _give(root: Path, undisturbed: Path, part: str) -> None:
    """Replace this folder by the one of the disturbed root, if that has one."""
    if (root / part).exists():
        shutil.rmtree(undisturbed / part, ignore_errors=True)
        shutil.copytree(root / part, undisturbed / part)


def differences(
    root: Path, undisturbed: Path, *, retains: bool, without_corrections: bool = False
) -> Iterator[str]:
    """Rows of bronze and silver that only one of them has, and keys that the first one holds twice.

    Where bronze `retains` less than all, forgotten people have the tombstones of what was left of them. Without
    corrections, the other lakehouse never had records of theirs in its quarantine.
    """
    for table in (*BRONZE, *SILVER, SILVER_CORRECTIONS):
        of_all = not (without_corrections and table in (SILVER_QUARANTINE, SILVER_CORRECTIONS)) and not (
            retains and table == SILVER_TOMBSTONES
        )
        got, wanted = (_rows(one, table, of_all=of_all) for one in (root, undisturbed))
        yield from (f"{table.sql_name} has {row}" for row in (got - wanted).elements())
        if not (retains and table in BRONZE):
            yield from (f"{table.sql_name} lacks {row}" for row in (wanted - got).elements())
        keys = Counter(tuple(row[name] for name in table.key) for row in _read(root, table))
        yield from (f"{table.sql_name} holds {key} {count} times" for key, count in keys.items() if count > 1)


def _rows(root: Path, table: Table, *, of_all: bool) -> Counter[str]:
    """Every row without its times, also those of tables that only the next version opens.

    Unless `of_all`, without rows whose id is a pseudonym of somebody who was forgotten.
    """
    rows = [row for row in _read(root, table) if of_all or not str(row["id"]).startswith("forgotten-")]
    return Counter(str({name: row[name] for name in sorted(row) if name not in _TIMES}) for row in rows)


def _read(root: Path, table: Table) -> list[dict[str, Any]]:
    path = root / table.layer / table.name
    rows: list[dict[str, Any]] = select(DeltaTable(path)).to_pylist() if path.exists() else []
    return rows
