"""What a soak has measured, as a text table, and the bounds that it must keep."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from tests.soak.samples import Level, TableSample

# How much more memory a kind of process may take later on: a quarter, and some MB, because what a JVM holds
# depends on when it last collected.
GROWTH, SLACK_MB = 1.25, 60.0
# How many more threads or open files than a quarter: pools and readers come and go.
SLACK = 20
# A stream joins the small files of a table once it has 50, and may be killed before it does.
MOST_FILES = 110


class Run(NamedTuple):
    """A soak: for how many seconds it was disturbed and how long it lasted, and what was counted."""

    seed: int
    disturbed: float
    lasted: float
    sent: int
    batches: int
    audit: dict[str, Any]
    done: Counter[str]
    thirds: Sequence[Level]
    calm: Sequence[Level]
    tables: Sequence[TableSample]


def lines(run: Run) -> Iterator[str]:
    yield f"seed {run.seed}: {run.lasted / 60:.1f} minutes, disturbed for {run.disturbed / 60:.1f}"
    totals = ", ".join(f"{name} {value:,}" for name, value in run.audit["silver"].items())
    yield f"{run.sent:,} records sent, {run.batches:,} batches of silver since its last rebuild: {totals}"
    yield ", ".join(f"{count} x {kind}" for kind, count in sorted(run.done.items()))
    yield from _memory("middle -> last third, same ages", run.thirds)
    yield from _memory("calm, its last two quarters", run.calm)
    yield f"{'files, most -> at the end':<34} {'live':>14} {'data':>14} {'log':>14}"
    for name, own in _by_table(run.tables).items():
        counts = [[one.live for one in own], [one.data for one in own], [one.log for one in own]]
        yield f"{name:<34} " + " ".join(_pair(max(found), found[-1]) for found in counts)


def faults(run: Run) -> Iterator[str]:
    """What exceeds its bounds."""
    for when, levels in (("the last third", run.thirds), ("the calm", run.calm)):
        for level in levels:
            before, after = level.memory
            if before and after > before * GROWTH + SLACK_MB:
                yield f"{level.level} grew in {when}: {before:.0f} to {after:.0f} MB"
            for name, (few, many) in (("threads", level.threads), ("open files", level.files)):
                if few and many > few * GROWTH + SLACK:
                    yield f"{level.level} has more {name} in {when}: {few:.0f}, then {many:.0f}"
    for name, own in _by_table(run.tables).items():
        most = max(one.live for one in own)
        if most > MOST_FILES:
            yield f"{name} had {most} files in one version"


def _memory(title: str, levels: Sequence[Level]) -> Iterator[str]:
    yield f"{title:<34} {'MB':>14} {'threads':>14} {'open files':>14} {'most MB':>8} {'starts':>7}"
    for one in levels:
        pairs = " ".join(_pair(*pair) for pair in (one.memory, one.threads, one.files))
        yield f"{one.level:<34} {pairs} {one.most:>8.0f} {one.starts:>7}"


def _pair(before: float, after: float) -> str:
    return f"{f'{before:.0f} -> {after:.0f}':>14}"


def _by_table(samples: Sequence[TableSample]) -> dict[str, list[TableSample]]:
    return {name: [one for one in samples if one.table == name] for name in sorted({one.table for one in samples})}
