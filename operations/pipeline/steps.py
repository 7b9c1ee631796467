"""The layers as ordered steps, timed and reported on the terminal."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from inspect import signature
from typing import NamedTuple

from pyspark.sql import SparkSession
from rich.console import Console
from rich.markup import escape

from bronze.ingest import ingest
from lakehouse.broker.embedded import kafka_cluster
from lakehouse.errors import InputError
from lakehouse.kafka.client import Cluster
from lakehouse.runs.recording import recorded
from lakehouse.runs.run import Work
from lakehouse.settings import KafkaSettings, Settings
from lakehouse.tables import QUALITY_RESULTS, Job, gold_jobs, written_by
from lakehouse.tables.bronze import INGEST
from lakehouse.tables.silver import REFINE
from quality.gate import require_passed
from silver.refine import refine

_CHECK = QUALITY_RESULTS.made_by.module
LAYERS = ("bronze", "silver", "gold")


RunStep = Callable[[SparkSession, Settings, Cluster], object]


class Step(NamedTuple):
    """One job of one layer.

    `job` is its module. `run` gets the session, the settings and Kafka, and waits for what is `awaited`.

    `gate` is the layer that the step checks: the step belongs to gold, which stops at what did not pass.
    `in_full` builds everything, `run` only what has changed.
    """

    layer: str
    name: str
    job: str
    awaited: str
    run: RunStep
    gate: str = ""
    in_full: RunStep | None = None


def _gate(layer: str, *, compare: bool = True) -> RunStep:
    def check(spark: SparkSession, settings: Settings, _: Cluster) -> object:
        return require_passed(spark, settings, layer, compare=compare)

    return check


def _gold_step(job: Job) -> Step:
    """The step of a gold job. A job that builds only what has changed takes `full`, to build everything."""
    module = import_module(job.module)

    def make(spark: SparkSession, settings: Settings, _: Cluster) -> object:
        return module.run(spark, settings)

    def make_all(spark: SparkSession, settings: Settings, _: Cluster) -> object:
        return module.run(spark, settings, full=True)

    is_incremental = "full" in signature(module.run).parameters
    return Step(
        "gold", f"gold: {job.step}", job.module, job.awaited, make, in_full=make_all if is_incremental else None
    )


def _refine(spark: SparkSession, settings: Settings, _: Cluster) -> None:
    refine(spark, settings)


STEPS = (
    Step("bronze", f"bronze: {INGEST.step}", INGEST.module, INGEST.awaited, ingest),
    Step("silver", f"silver: {REFINE.step}", REFINE.module, REFINE.awaited, _refine),
    Step(
        "gold",
        "gate: check silver",
        _CHECK,
        "every expectation of silver's tables",
        _gate("silver"),
        gate="silver",
    ),
    *map(_gold_step, gold_jobs(after_gate=False)),
    Step("gold", "gate: check gold", _CHECK, "every expectation of gold's tables", _gate("gold"), gate="gold"),
    *map(_gold_step, gold_jobs(after_gate=True)),
)


class Clock:
    """Reports each step on the terminal as it starts and ends, and keeps its time in seconds."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str, awaited: str) -> Iterator[None]:
        started = time.monotonic()
        with self._shown(f"{name}: waits for {awaited}"):
            yield
        self.seconds[name] = time.monotonic() - started
        self.tell(f"{self.seconds[name]:6.1f} s  {name}")

    def _shown(self, line: str) -> AbstractContextManager[object]:
        """Show the line while the step runs: on a terminal with a spinner, in a file or a pipe above its time."""
        if self.console.is_terminal:
            return self.console.status(escape(line))
        self.tell(f"{'':10}{line}")
        return nullcontext()

    def tell(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)


def selected_steps(select: str) -> tuple[Step, ...]:
    """The steps of `silver` or of `silver+`. Raises InputError for another layer."""
    layer, plus = select.removesuffix("+"), select.endswith("+")
    if layer not in LAYERS:
        raise InputError(
            f"unknown layer {layer!r}", todo=f"select one of {', '.join(LAYERS)}; a + adds the layers after it"
        )
    wanted = LAYERS[LAYERS.index(layer) :] if plus else (layer,)
    return tuple(step for step in STEPS if step.layer in wanted)


def ungated(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    return tuple(step for step in steps if not step.gate)


def uncompared(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The same steps, with gates that compare nothing with the previous run."""
    return tuple(step._replace(run=_gate(step.gate, compare=False)) if step.gate else step for step in steps)


def in_full(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The same steps, building everything, changed or not."""
    return tuple(step._replace(run=step.in_full) if step.in_full else step for step in steps)


def broker_for(steps: tuple[Step, ...], kafka: KafkaSettings, root: str) -> AbstractContextManager[Cluster]:
    """Kafka, if a step reads it; nothing is started for silver and gold."""
    if any(step.layer == "bronze" for step in steps):
        return kafka_cluster(kafka, root)
    return nullcontext(Cluster(""))


def run_steps(
    steps: tuple[Step, ...], spark: SparkSession, settings: Settings, cluster: Cluster, clock: Clock
) -> None:
    for step in steps:
        with clock.step(step.name, step.awaited):
            run_step(step, spark, settings, cluster)


def run_step(step: Step, spark: SparkSession, settings: Settings, cluster: Cluster) -> None:
    """Run the step and record it in ops.runs, as part of the command that runs it."""

    def work() -> int:
        step.run(spark, settings, cluster)
        return 0

    what = Work(step.job, step.name, written_by(step.job))
    recorded(work, what, root=settings.root, openlineage=settings.openlineage)
