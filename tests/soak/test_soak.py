"""Everything at once, mixed by a seed: records of every kind, kills, restarts, maintenance, forgets and upgrades.

    make soak MINUTES=30 SEED=1

Three quarters of the time are disturbed; the last one is calm, to see what a process keeps to itself. In the end
every record is accounted for, and silver equals that of an undisturbed run over the same records.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import SILVER_BATCHES
from tests.soak.disturbing import Disturber
from tests.soak.figures import Run, faults, lines
from tests.soak.records import feeds
from tests.soak.samples import Sampler, quarters, thirds
from tests.soak.schedule import disturbances, milestone, milestones
from tests.soak.undisturbed import expect_all_accounted, expect_forgotten, expect_undisturbed
from tests.soak.whole import Platform, Senders, json_in
from tests.support.folders import PROJECT
from tests.support.processes import await_condition
from tests.support.undisturbed import numbered_files

MINUTES = float(os.environ.get("MINUTES", "30"))
SEED = int(os.environ.get("SEED", "1"))
# The last quarter, and at least a minute.
_CALM, _LEAST_CALM = 0.25, 60.0
_REPORTS = PROJECT / "build" / "soak"


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    platform = Platform(tmp_path, SEED)
    yield platform
    platform.end()


def test_everything_at_once(platform: Platform) -> None:
    note = noted(_REPORTS / f"seed-{SEED}.log")
    note(f"make soak MINUTES={MINUTES:g} SEED={SEED}    in {platform.folder}")
    senders = begin(platform)
    sampler = Sampler(platform.root, lambda: sessions(platform))
    sampler.start()
    disturber = Disturber(platform, note)
    disturb(platform, disturber, sampler, note)
    calm_since = sampler.elapsed()
    note("calm")
    platform.wait(max(_LEAST_CALM, MINUTES * 60 - calm_since))
    sampler.finish()
    sent, lasted = senders.stop(), sampler.elapsed()
    drain(platform)
    expect_all_accounted(platform, sent)
    note(f"{sent:,} records are accounted for")
    expect_forgotten(platform, disturber.forgotten)
    audit = expect_all_accounted(platform, sent)
    note(f"{len(disturber.forgotten)} people are named nowhere")
    expect_undisturbed(platform, disturber.forgotten, retains=disturber.retains)
    note("silver equals that of an undisturbed run")
    run = Run(
        *(SEED, calm_since, lasted, sent, batches(platform), audit, disturber.done),
        [*thirds(sampler.processes, lasted=lasted)],
        [*quarters(sampler.processes, begin=calm_since, end=lasted)],
        sampler.tables,
    )
    report(run, note)
    assert [*faults(run)] == []
    platform.end()
    shutil.rmtree(platform.folder)


def noted(log: Path) -> Callable[[str], None]:
    """Writes a line with its time to the log and to the terminal."""
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    began = time.monotonic()

    def note(line: str) -> None:
        text = f"{time.monotonic() - began:7.1f} s  {line}"
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")

    return note


def begin(platform: Platform) -> Senders:
    """Start everything, and wait for silver's first batch."""
    platform.start_broker()
    senders = Senders(platform, feeds(platform.settings.kafka, SEED))
    platform.start("bronze")
    logs = [platform.root / "bronze" / name / "_delta_log" for name in ("events", "feedback")]
    await_condition(lambda: all(numbered_files(log, ".json") for log in logs), "bronze's tables are there")
    platform.start("silver")
    first = platform.root / "checkpoints" / "silver" / "commits" / "0"
    await_condition(lambda: first.exists() or not platform.streams["silver"].alive(), "silver's first batch")
    return senders


def sessions(platform: Platform) -> dict[str, int | None]:
    """The process that leads each role's session."""
    streams = {name: stream.process.pid for name, stream in list(platform.streams.items())}
    return {"broker": platform.broker_pid(), **streams}


def disturb(platform: Platform, disturber: Disturber, sampler: Sampler, note: Callable[[str], None]) -> None:
    """Until the calm begins, and all has happened that happens once."""
    seconds = MINUTES * 60 * (1 - _CALM)
    due = milestones(SEED, seconds)
    for what in disturbances(SEED):
        for kind in [kind for kind, at in due.items() if sampler.elapsed() >= at]:
            note(kind)
            disturber.do(milestone(SEED, kind))
            del due[kind]
        platform.wait(what.pause)
        if sampler.elapsed() >= seconds and not due:
            return
        note(f"{what.number}: {what.kind}")
        disturber.do(what)


def drain(platform: Platform) -> None:
    """Wait until both streams have read everything, and stop them."""

    def is_drained() -> bool:
        platform.require_alive()
        parts = json_in(platform.command("audit", "--json"))["partitions"]
        return all(part["unread"] + part["unrefined"] == 0 for part in parts)

    await_condition(is_drained, "everything is read", every=2.0)
    platform.stop("bronze", "silver")


def batches(platform: Platform) -> int:
    return int(Lakehouse(platform.settings.root).read(SILVER_BATCHES, columns=["batch_id"]).num_rows)


def report(run: Run, note: Callable[[str], None]) -> None:
    text = "\n".join(lines(run))
    (_REPORTS / f"seed-{run.seed}.txt").write_text(f"{text}\n", encoding="utf-8")
    for line in text.splitlines():
        note(line)
