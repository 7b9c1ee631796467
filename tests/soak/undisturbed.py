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
from lakehouse.tables import SILVER_CORRECTIONS, Table
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


def expect_undisturbed(platform: Platform, people: list[str], *, all_of_bronze: bool) -> None:
    """All rows equal those of the other run; of bronze those that retention has left."""
    undisturbed = platform.folder / "undisturbed"
    _give_decisions(platform.root, undisturbed)
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
    platform.command("rebuild", "silver", settings=settings)
    differences = list(_differences(platform.root, undisturbed, all_of_bronze=all_of_bronze))
    assert differences == []


def _give_decisions(root: Path, undisturbed: Path) -> None:
    for part in (Path("forgotten"), Path(SILVER_CORRECTIONS.layer, SILVER_CORRECTIONS.name)):
        if (root / part).exists():
            shutil.copytree(root / part, undisturbed / part)


def _differences(root: Path, undisturbed: Path, *, all_of_bronze: bool) -> Iterator[str]:
    for table in (*BRONZE, *SILVER, SILVER_CORRECTIONS):
        got, wanted = (_rows(one, table) for one in (root, undisturbed))
        extra, lacking = got - wanted, wanted - got
        yield from (f"{table.sql_name} has {row}" for row in [*extra.elements()][:5])
        if table not in BRONZE or all_of_bronze:
            yield from (f"{table.sql_name} lacks {row}" for row in [*lacking.elements()][:5])
        keys = Counter(tuple(row[name] for name in table.key) for row in _read(root, table))
        yield from (f"{table.sql_name} holds {key} {count} times" for key, count in keys.items() if count > 1)


def _rows(root: Path, table: Table) -> Counter[str]:
    """Every row without its times, also those of tables that only the next version opens."""
    return Counter(
        str({name: row[name] for name in sorted(row) if name not in _TIMES}) for row in _read(root, table)
    )


def _read(root: Path, table: Table) -> list[dict[str, Any]]:
    path = root / table.layer / table.name
    rows: list[dict[str, Any]] = select(DeltaTable(path)).to_pylist() if path.exists() else []
    return rows
