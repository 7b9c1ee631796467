"""The embedded broker's process: configuration, start and stop."""

import json
import os
import platform
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from lakehouse.atomic_write import atomic_write
from lakehouse.broker.config import LOOPBACK, format_storage, java_command, telling_line, write_config
from lakehouse.errors import BrokerError
from lakehouse.jvm.class_archive import discard_archive
from lakehouse.jvm.java import utf8_locale
from lakehouse.kafka.admin import cluster_id
from lakehouse.kafka.client import Cluster

_START_SECONDS = 60.0
_PORT_TRIES = 3
_STOP_SECONDS = 20.0
_ANSWER_SECONDS = 2.0
_POLL_SECONDS = 0.02
_CANNOT_LISTEN = "Socket server failed to bind"  # Kafka's own message


class PortTakenError(BrokerError):
    """Another process took a port in the seconds between our check that it is free and the broker's bind."""


@dataclass(frozen=True)
class Broker:
    """A broker process that we started. `started` distinguishes it from a later process with the same id."""

    pid: int
    started: str
    port: int
    cluster_id: str

    @property
    def cluster(self) -> Cluster:
        return Cluster(f"{LOOPBACK}:{self.port}")

    def is_alive(self) -> bool:
        return process_start(self.pid) == self.started

    def answers(self, *, timeout_seconds: float = _ANSWER_SECONDS) -> bool:
        """Whether this very broker speaks Kafka on its port, and not something else."""
        try:
            return cluster_id(self.cluster, timeout_seconds=timeout_seconds) == self.cluster_id
        except BrokerError:
            return False


def recorded_broker(folder: Path) -> Broker | None:
    """The broker named in broker.json, if that process is still alive."""
    try:
        broker = Broker(**json.loads((folder / "broker.json").read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):  # none, or a file truncated by a crash
        return None
    return broker if broker.is_alive() else None


def start_broker(folder: Path, port: int) -> Broker:
    """Start a broker on the folder's data and wait until it answers; port 0 means any free one.

    Raises BrokerError with the broker's own last words if it exits instead.
    """

    def start() -> Broker:
        chosen = write_config(folder, port)
        return launch_broker(folder, chosen, format_storage(folder))

    return retry_on_other_ports(start)


def retry_on_other_ports(start: Callable[[], Broker]) -> Broker:
    """Call `start`, which chooses ports; call it again if a port is taken before the broker binds it.

    The system gives the same ports to outgoing connections, so this happens on a busy machine.
    """
    for _ in range(_PORT_TRIES - 1):
        try:
            return start()
        except PortTakenError:
            continue
    return start()


def launch_broker(folder: Path, port: int, identity: str) -> Broker:
    """Start a broker with the folder's configuration and storage, and wait until it answers."""
    log = folder / "logs" / "server.log"
    seen = log.stat().st_size if log.exists() else 0
    command = java_command("kafka.Kafka", "server.properties")
    with (folder / "logs" / "stdout.log").open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command,
            cwd=folder,
            env=os.environ | utf8_locale(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C must not stop it before its clients have flushed
        )
    broker = Broker(process.pid, process_start(process.pid) or "", port, identity)
    with atomic_write(folder / "broker.json") as draft:
        draft.write_text(json.dumps(asdict(broker)), encoding="utf-8")
    try:
        await_broker(broker, folder, seen)
    except BaseException:
        stop_broker(broker, folder)
        discard_archive(command)
        raise
    return broker


def await_broker(broker: Broker, folder: Path, seen: int = 0) -> None:
    """Wait until the broker answers. Raises BrokerError if it dies or does not answer within a minute.

    The error is a PortTakenError if the broker died because it could not listen.
    """
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if not broker.is_alive():
            said = _said(folder, seen)
            unheard = [line for line in said if _CANNOT_LISTEN in line]
            kind = PortTakenError if unheard else BrokerError
            raise kind(
                f"the embedded Kafka broker ended while starting: {telling_line(unheard or said)}",
                todo=f"see its log, {folder / 'logs' / 'server.log'}",
            )
        if _listens(broker.port) and broker.answers():
            return
        time.sleep(_POLL_SECONDS)
    raise BrokerError(
        f"the embedded Kafka broker does not answer at {broker.cluster.bootstrap} after {_START_SECONDS:g} s",
        todo=f"see its log, {folder / 'logs' / 'server.log'}",
    )


def stop_broker(broker: Broker, folder: Path) -> None:
    """Stop the broker: gracefully, or by force after 20 seconds. Another process with its id is left alone."""
    for sign, seconds in ((signal.SIGTERM, _STOP_SECONDS), (signal.SIGKILL, _STOP_SECONDS)):
        if not broker.is_alive():
            break
        os.kill(broker.pid, sign)
        deadline = time.monotonic() + seconds
        while broker.is_alive() and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
    (folder / "broker.json").unlink(missing_ok=True)


def process_start(pid: int) -> str | None:
    """When that process started, in the system's own format; None if it has ended."""
    if platform.system() == "Linux":
        try:
            # split after the name, which may contain spaces: state is field 3, start time field 22
            fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if fields[0] in "ZX" else f"{boot} {fields[19]}"
    answer = subprocess.run(  # noqa: S603 - a fixed command
        ["/bin/ps", "-o", "state=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, started = answer.stdout.strip().partition(" ")
    return None if not state or state.startswith("Z") else started.strip()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


def _said(folder: Path, seen: int) -> list[str]:
    """The lines that the broker printed, and those logged after the first `seen` bytes."""
    log = folder / "logs" / "server.log"
    text = b""
    if log.exists():
        with log.open("rb") as file:
            file.seek(seen if seen <= log.stat().st_size else 0)
            text = file.read()
    output = (folder / "logs" / "stdout.log").read_bytes()
    return [*output.decode(errors="replace").splitlines(), *text.decode(errors="replace").splitlines()]
