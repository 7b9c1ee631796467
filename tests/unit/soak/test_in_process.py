"""Forgets, retention, maintenance and batches of silver in any order, killed anywhere: nothing is lost or kept."""

import os
from pathlib import Path

import pytest

from tests.soak.in_process import Worker, World, seconds_for_days, undisturbed
from tests.soak.undisturbed import differences
from tests.support.quarantined import audit_faults

SEEDS = range(int(os.environ.get("SOAK_SEEDS", "4")))
STEPS = 14


@pytest.mark.parametrize("seed", SEEDS)
def test_any_order_ends_as_undisturbed(tmp_path: Path, seed: int) -> None:
    """In every other world, retention removes records from bronze."""
    retains = seed % 2 == 0
    world = World(tmp_path / "world", retains=retains)
    worker = Worker(world, seed)
    with seconds_for_days():
        worker.land()
        worker.work(STEPS)
    world.batch()
    if world.forgotten:
        world.forget(world.forgotten)
    assert audit_faults(str(world.root)) == [], worker.log
    other = undisturbed(world, tmp_path / "other")
    assert [*differences(world.root, other.root, retains=retains, without_corrections=True)] == [], worker.log
