"""What a soak runs: a broker, both streams as processes of their own, the commands of a person, and senders."""

import json
import os
import re
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lakehouse import root_version
from lakehouse.broker.config import LOOPBACK
from lakehouse.broker.embedded import own_broker
from lakehouse.broker.process import Broker, start_broker, stop_broker
from lakehouse.errors import BrokerError
from lakehouse.history.backlog import silver_backlog
from lakehouse.kafka.client import configured_cluster
from lakehouse.kafka.topics import ensure_topics
from lakehouse.lakehouse import Lakehouse
from lakehouse.settings import CONF_VARIABLE, Settings, load_settings
from lakehouse.spark.checkpoints import last_batch
from producers.sending.delivery import Delivery, publish
from tests.soak.records import Feed
from tests.support.folders import PROJECT
from tests.support.next_version import NEXT, write_to
from tests.support.processes import Running, await_condition
from tests.support.settings_folder import SMALL_JOBS, make_settings_folder
from tests.support.small import with_quick_models

STREAMS = {"bronze": "bronze.ingest", "silver": "silver.refine"}
TRIGGER = "5s"
# Ends a hanging soak, on a machine that is very busy.
_TIMEOUT = 900.0
_BROKER_STARTS = 5
_OWN_SPARK = PROJECT / "tests" / "soak" / "spark.conf"
# Linux gives ports from 32768 on to outgoing connections: a client that calls a dead broker might get its port.
_PORTS = (20_000, 32_000)


class Platform:
    """One lakehouse and its processes. All of them are in the folder, except for Kafka's jars and Java."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.settings = _settings(folder / "root", seed)
        self.streams: dict[str, Running] = {}
        self._started_at: dict[str, float] = {}
        self.running_command: Running | None = None
        self._conf = make_settings_folder(folder / "conf", SMALL_JOBS, _OWN_SPARK)
        self._code: Path | None = None
        self._patch = pytest.MonkeyPatch()

    @property
    def root(self) -> Path:
        return Path(self.settings.root)

    def change(self, section: str, **values: object) -> None:
        """Change settings, for processes that start from now on."""
        changed = getattr(self.settings, section).model_copy(update=values)
        self.settings = self.settings.model_copy(update={section: changed})

    def upgrade(self) -> None:
        """Install the next version, for processes that start from now on. This one goes on reading the tables."""
        write_to(self.folder / "next")
        self._patch.setattr(root_version, "VERSION", NEXT)
        self._code = self.folder / "next"

    # the broker

    def start_broker(self) -> None:
        folder = self.root / "kafka"
        folder.mkdir(parents=True, exist_ok=True)
        broker = _patiently_started(folder, self.settings.kafka.embedded_port)
        assert broker.port == self.settings.kafka.embedded_port, "another process took the broker's port"
        kafka = self.settings.kafka
        self.change("kafka", bootstrap_servers=broker.cluster.bootstrap)
        ensure_topics(broker.cluster, kafka.topics, **kafka.new_topics)

    def broker_pid(self) -> int | None:
        broker = own_broker(self.settings.kafka.model_copy(update={"bootstrap_servers": ""}), self.settings.root)
        return None if broker is None else broker.pid

    def kill_broker(self) -> None:
        pid = self.broker_pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    def stop_broker(self) -> None:
        broker = own_broker(self.settings.kafka.model_copy(update={"bootstrap_servers": ""}), self.settings.root)
        if broker is not None:
            stop_broker(broker, self.root / "kafka")

    # the streams

    def start(self, *names: str) -> None:
        for name in names:
            log = self.folder / f"{name}.log"
            self.streams[name] = self._run(log, "-m", STREAMS[name], "--trigger", TRIGGER)
            self._started_at[name] = time.time()

    def stop(self, *names: str) -> None:
        """SIGTERM each: it ends in order."""
        for name in names:
            self.streams[name].process.send_signal(signal.SIGTERM)
        for name in names:
            stream = self.streams.pop(name)
            code = stream.process.wait(timeout=_TIMEOUT)
            if code == -signal.SIGTERM and not self._has_planned(name):
                with suppress(ProcessLookupError):
                    stream.kill()  # it did not listen for signals yet, and its JVM may still run
            else:
                assert code == 0, f"{name} ended with {code}: {tail(stream)}"

    def _has_planned(self, name: str) -> bool:
        """Whether the stream has planned a batch since its start."""
        logs = (self.root / "checkpoints").glob(f"{name}/**/offsets/[0-9]*")
        return any(file.stat().st_mtime > self._started_at[name] for file in logs)

    def kill(self, *names: str) -> None:
        """kill -9 each with its JVM."""
        for name in names:
            self.streams.pop(name).kill()

    def require_alive(self) -> None:
        """The streams outlive everything that is done to the others."""
        for name, stream in self.streams.items():
            assert stream.alive(), f"{name} ended with {stream.process.poll()}: {tail(stream)}"

    def await_idle_silver(self) -> None:
        """Wait until silver has read all of bronze and ended its batch; bronze must be stopped."""
        self._wait(self._silver_is_idle, "silver reads all of bronze")

    def _silver_is_idle(self) -> bool:
        self.require_alive()
        lake = Lakehouse(self.settings.root)
        checkpoint = lake.folder / "checkpoints" / "silver"
        has_ended = last_batch(checkpoint / "offsets") == last_batch(checkpoint / "commits")
        return has_ended and silver_backlog(lake, now=datetime.now(UTC)).rows == 0

    # the commands of a person

    def command(self, *words: str, settings: Settings | None = None, codes: tuple[int, ...] = (0,)) -> str:
        """Run `lakehouse ...` to its end, with one of these exit codes; returns what it printed."""
        return self._ended(self._started("-m", "operations.cli", *words, settings=settings), words, codes)

    def maintain(self) -> str:
        words = ("-m", "tests.soak.hasty_maintenance")
        return self._ended(self._started(*words), words, (0,))

    def killed_command(self, seconds: float, *words: str) -> bool:
        """Start `lakehouse ...` and kill -9 it after this time; whether it was still running then."""
        return self._killed(self._started("-m", "operations.cli", *words), seconds)

    def killed_maintenance(self, seconds: float) -> bool:
        return self._killed(self._started("-m", "tests.soak.hasty_maintenance"), seconds)

    def _started(self, *words: str, settings: Settings | None = None) -> Running:
        log = self.folder / "command.log"
        log.unlink(missing_ok=True)
        self.running_command = self._run(log, *words, settings=settings)
        return self.running_command

    def _ended(self, command: Running, words: tuple[str, ...], codes: tuple[int, ...]) -> str:
        self._wait(lambda: not command.alive(), " ".join(words))
        said = command.said()
        shutil.copy(command.log, self.folder / f"last-{_file_name(words)}.log")
        self.running_command = None
        assert command.process.poll() in codes, f"{' '.join(words)}: exit {command.process.poll()}: {said[-3000:]}"
        return said

    def _killed(self, command: Running, seconds: float) -> bool:
        self.wait(seconds, until=lambda: not command.alive())
        is_running = command.alive()
        if is_running:
            command.kill()
        self.running_command = None
        return is_running

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        await_condition(condition, what, every=0.2, timeout=_TIMEOUT)

    def wait(self, seconds: float, *, until: Callable[[], bool] = lambda: False) -> None:
        """Let this time pass, or less; a stream that ends meanwhile fails the soak."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends and not until():
            self.require_alive()
            time.sleep(min(0.2, max(0.0, ends - time.monotonic())))

    def _run(self, log: Path, *words: str, settings: Settings | None = None) -> Running:
        return Running(
            settings or self.settings,
            log,
            *words,
            program=(sys.executable,),
            variables=self._variables(),
            folder=self.folder,
        )

    def _variables(self) -> Mapping[str, str]:
        path = [str(PROJECT)] if self._code is None else [str(self._code), str(PROJECT)]
        return {CONF_VARIABLE: str(self._conf), "PYTHONPATH": os.pathsep.join(path)}

    def end(self) -> None:
        """Kill whatever still runs."""
        for one in (*self.streams.values(), *([self.running_command] if self.running_command else ())):
            if one.alive():
                one.kill()
        self._patch.undo()
        self.stop_broker()


class Senders:
    """A thread for each topic. They wait while the broker is away, and lose nothing."""

    def __init__(self, platform: Platform, feeds: list[Feed]) -> None:
        self._stopped = threading.Event()
        self.deliveries: dict[str, Delivery] = {}
        cluster = configured_cluster(platform.settings.kafka)

        def send(feed: Feed) -> None:
            self.deliveries[feed.topic] = publish(
                feed.records, topic=feed.topic, cluster=cluster, rate=feed.rate, stopped=self._stopped.is_set
            )

        self._threads = [
            threading.Thread(target=send, args=(feed,), daemon=True, name=feed.topic) for feed in feeds
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> int:
        """End in order: how many records Kafka has confirmed. None may have failed."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(180)
            assert thread.name in self.deliveries, f"{thread.name}: its sender failed"
        for topic, delivery in self.deliveries.items():
            delivery.require_complete(topic)
        return sum(one.delivered for one in self.deliveries.values())


def _patiently_started(folder: Path, port: int) -> Broker:
    """The broker. A very busy machine may need longer than the minute that the product waits for it."""
    for _ in range(_BROKER_STARTS - 1):
        with suppress(BrokerError):
            return start_broker(folder, port)
    return start_broker(folder, port)


def tail(process: Running) -> str:
    return process.said()[-4000:]


def json_in(said: str) -> dict[str, Any]:
    """The JSON that a command printed, among other lines."""
    found: dict[str, Any] = json.JSONDecoder().raw_decode(said[said.index("{\n") :])[0]
    return found


def _settings(root: Path, seed: int) -> Settings:
    """Silver forgives more than usual to what is sent: gates are about other things than crashes."""
    settings = with_quick_models(load_settings())
    kafka = settings.kafka.model_copy(
        update={"bootstrap_servers": "", "embedded_port": _free_port(seed), "partitions": 2}
    )
    maintenance = settings.maintenance.model_copy(update={"keep_days": 0})
    lenient = {
        "max_quarantined_share": 1.0,
        "max_unknown_references": 1.0,
        "max_drift": 1.0,
        "min_rows_ratio": 0.01,
    }
    quality = settings.quality.model_copy(update=lenient)
    return settings.model_copy(
        update={"root": str(root), "kafka": kafka, "maintenance": maintenance, "quality": quality}
    )


def _free_port(seed: int) -> int:
    """A free port that no outgoing connection gets."""
    first, last = _PORTS
    begin = (os.getpid() * 7 + seed) % (last - first)
    for step in range(last - first):
        port = first + (begin + step) % (last - first)
        with ExitStack() as opened:
            probe = opened.enter_context(socket.socket())
            if probe.connect_ex((LOOPBACK, port)) != 0:
                return port
    raise AssertionError("no free port")


def _file_name(words: tuple[str, ...]) -> str:
    return re.sub(r"[^a-z]+", "-", " ".join(words[:3]).lower()).strip("-")
