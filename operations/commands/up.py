"""`lakehouse up`: live mode. Broker, producers, both streams and gold at once, until Ctrl-C or a set time."""

import argparse
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from rich.console import Console

from lakehouse.broker.embedded import kafka_cluster, own_broker
from lakehouse.broker.process import Broker
from lakehouse.errors import BrokerError, LakehouseError
from lakehouse.metrics.server import metrics_served
from lakehouse.spark.streams import StreamError
from lakehouse.stop_signals import StopRequests, stop_requests
from operations.call import Call
from operations.live.maintenance import LiveMaintenance
from operations.live.monitor import Monitor
from operations.live.producers import LiveProducers
from operations.live.streams import LiveGold, LiveStreams
from operations.live.workers import BackgroundWork

_LOOK_SECONDS = 0.2
# How long a part that hangs because another one died may delay the end.
_PATIENCE_SECONDS = 10.0
_BRIEF_SECONDS = 2.0


class Live:
    """All parts while they run, and their display."""

    def __init__(
        self,
        producers: LiveProducers,
        streams: LiveStreams,
        gold: LiveGold,
        maintenance: LiveMaintenance,
        *,
        broker: Broker | None,
        monitor: Monitor,
    ) -> None:
        self.producers, self.streams, self.gold, self.maintenance = producers, streams, gold, maintenance
        self._broker, self._monitor = broker, monitor

    def show(self, title: str) -> None:
        self._monitor.show(self.producers, self.gold, title)

    def require_alive(self) -> None:
        """Raise the failure of the first part that has ended: none of them ends by itself."""
        if self._broker is not None and not self._broker.is_alive():
            raise BrokerError(
                f"the embedded Kafka broker, process {self._broker.pid}, has ended",
                todo="see kafka/logs/server.log under the root; no confirmed record is lost",
            )
        for worker in self._workers():
            require_well(worker)
            if worker.ended():
                raise StreamError(
                    f"{worker.name} ended unexpectedly", todo="start again: it resumes where it stopped"
                )

    def _workers(self) -> tuple[BackgroundWork, ...]:
        others = (self.gold.worker, self.maintenance.worker)
        return (*self.streams.workers, *others, *self.producers.workers)

    def end_in_order(self, stop: StopRequests) -> None:
        """Stop the producers, then the streams once they have taken everything, then gold once its run is over.

        A second signal skips what is not done yet.
        """
        self.gold.finish()
        self.maintenance.stop(wait_seconds=0)
        lines: list[str] = []
        self._await(
            "waiting for Kafka to confirm what was sent", lambda: lines.extend(self.producers.stop()), stop
        )
        for line in lines:
            self._monitor.tell(line)
        self._await("the streams process what is left in Kafka", self.streams.drain, stop)
        self.streams.stop(wait_seconds=_PATIENCE_SECONDS)
        for worker in (*self.producers.workers, *self.streams.workers) if stop.count < 2 else ():
            require_well(worker)
        self._await("waiting for the gold run to finish", self.gold.worker.join, stop)
        self.gold.stop(wait_seconds=_PATIENCE_SECONDS)
        require_well(self.gold.worker)
        self._await("waiting for the maintenance to finish", self.maintenance.worker.join, stop)
        if stop.count > 1:
            self._monitor.tell("stopped at once: the next start processes what Kafka has confirmed")
        self._monitor.tell_end(self.producers, self.gold)

    def end_at_once(self) -> None:
        """Stop all parts, whatever state the others are in. The exception that led here is already propagating."""
        ends = (self.producers.stop, self.streams.stop, self.gold.stop, self.maintenance.stop)
        ending = [BackgroundWork("the end", partial(end, wait_seconds=_BRIEF_SECONDS)) for end in ends]
        for worker in ending:
            worker.join(_PATIENCE_SECONDS)

    def _await(self, what: str, work: Callable[[], object], stop: StopRequests) -> None:
        if stop.count > 1:
            return
        worker = BackgroundWork(what, work)
        while not worker.join(_LOOK_SECONDS) and stop.count < 2:
            self.show(f"stopping: {what}")
        require_well(worker)


def require_well(worker: BackgroundWork) -> None:
    """Raise the part's failure, if it has one."""
    if isinstance(worker.failure, LakehouseError):
        raise worker.failure
    if worker.failure is not None:
        raise StreamError(f"{worker.name} failed: {worker.failure}") from worker.failure


def run(args: argparse.Namespace, call: Call) -> int:
    settings = call.settings
    kafka, root, ops_dir = settings.kafka, settings.root, settings.ops_dir
    up, console = settings.up, Console()
    with ExitStack() as opened:
        console.print("starting the broker and Spark", highlight=False)
        cluster = opened.enter_context(kafka_cluster(kafka, root))
        opened.enter_context(metrics_served(settings))
        spark = opened.enter_context(call.spark(lasting=True))
        # only now: starting Spark installs a handler of its own, which cancels all jobs
        stop = opened.enter_context(stop_requests(counted=2))
        monitor = opened.enter_context(Monitor.opened(kafka, cluster, console, root=root, ops_dir=ops_dir))
        live = Live(
            LiveProducers(
                *(settings.demo, kafka, cluster),
                root=root,
                shared_ops=settings.shared_ops,
                rate=None if args.no_producers else args.rate or up.rate,
            ),
            LiveStreams(spark, settings, cluster, trigger=f"{round(up.trigger_seconds * 1000)} milliseconds"),
            LiveGold(spark, settings, cluster, every_seconds=args.gold_every or up.gold_every_seconds),
            LiveMaintenance(spark, settings, tell=monitor.tell),
            broker=own_broker(kafka, root),
            monitor=monitor,
        )
        try:
            _watch(live, stop, seconds=args.seconds)
            live.end_in_order(stop)
        except BaseException:
            live.end_at_once()
            raise
    return 0


def _watch(live: Live, stop: StopRequests, *, seconds: float | None) -> None:
    """Show the live mode until it should end. Raises the failure of a part that dies."""
    title = "lakehouse up until Ctrl-C" if seconds is None else f"lakehouse up for {seconds:g} s"
    ends = float("inf") if seconds is None else time.monotonic() + seconds
    while not stop.received() and time.monotonic() < ends:
        live.require_alive()
        live.show(title)
        time.sleep(_LOOK_SECONDS)
