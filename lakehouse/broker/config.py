"""Everything the embedded broker starts with: ports, configuration, formatted storage, command."""

import base64
import os
import re
import socket
import subprocess
import uuid
from contextlib import ExitStack
from pathlib import Path

from lakehouse.broker.jars import broker_jars
from lakehouse.errors import BrokerError
from lakehouse.jvm.class_archive import sharing_options
from lakehouse.jvm.java import environment_options, find_java, utf8_locale
from lakehouse.settings import load_settings

LOOPBACK = "127.0.0.1"
# Measured: with C1 and the serial collector the broker starts in two thirds of the time, with half the CPU time.
_JVM = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Djava.awt.headless=true")
# Most telling first: an exception with its message, a line logged as an error, a line that mentions one.
_TROUBLE = [
    re.compile(r'^(Caused by: |Error|(Exception in thread ".*" )?[\w.$]+(Exception|Error):)'),
    re.compile(r"ERROR|FATAL"),
    re.compile("Exception"),
]

# Paths are relative to the process's folder: properties files cannot hold commas or accents in paths.
_SERVER = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers={host}:{controller_port}
listeners=BROKER://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=BROKER://{host}:{port},CONTROLLER://{host}:{controller_port}
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=BROKER
controller.listener.names=CONTROLLER
log.dirs=data
auto.create.topics.enable=false
# Nothing is lost: bronze may read a record years after it was written.
log.retention.ms=-1
log.cleaner.dedupe.buffer.size=16777216
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
# After kill -9 the controller lets the same broker in again only when its old session has run out (default: 9 s).
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=1000
"""
# No replica has a record that a power failure takes from this broker, and bronze may have read it already: then
# it is on the disk before its sender hears of it.
_DURABLE = "log.flush.interval.messages=1\n"
_LOGGING = """\
rootLogger.level=INFO
rootLogger.appenderRef.file.ref=file
appender.file.type=RollingFile
appender.file.name=file
appender.file.fileName=logs/server.log
appender.file.filePattern=logs/server.log.%i
appender.file.layout.type=PatternLayout
appender.file.layout.pattern=[%d] %p %m (%c)%n
appender.file.policies.type=SizeBasedTriggeringPolicy
appender.file.policies.size=10MB
appender.file.strategy.type=DefaultRolloverStrategy
appender.file.strategy.max=3
"""


def write_config(folder: Path, port: int) -> int:
    """Write the broker's files and return its port: the wanted one, or a free one if that is taken or 0."""
    port, controller_port = _free_ports(port)
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    server = _SERVER.format(host=LOOPBACK, port=port, controller_port=controller_port)
    server += _DURABLE if load_settings().durable else ""
    (folder / "server.properties").write_text(server, encoding="utf-8")
    (folder / "log4j2.properties").write_text(_LOGGING, encoding="utf-8")
    return port


def is_free(port: int) -> bool:
    """Whether we can listen on that port of the loopback address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _free_ports(port: int) -> tuple[int, int]:
    """The wanted port if it is free, else any free one; and a second one for the controller."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(2)]
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        free = [int(probe.getsockname()[1]) for probe in probes]
    return (port if port and is_free(port) else free[0]), free[1]


def format_storage(folder: Path, *options: str) -> str:
    """Format the data folder (with these options) if it is new, and return its cluster id."""
    meta = folder / "data" / "meta.properties"
    if not meta.exists():
        command = java_command("kafka.tools.StorageTool", "format", "--ignore-formatted", "--standalone")
        command += ["-c", "server.properties", "-t", _new_cluster_id(), *options]
        answer = subprocess.run(  # noqa: S603 - our own command
            command,
            cwd=folder,
            env=os.environ | utf8_locale(),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if answer.returncode != 0 or not meta.exists():
            words = telling_line((answer.stdout + answer.stderr).splitlines())
            raise BrokerError(
                f"Kafka's storage at {meta.parent} cannot be formatted: {words}", todo="delete that folder"
            )
    match = re.search(r"^cluster\.id=(.+)$", meta.read_text(encoding="utf-8"), re.MULTILINE)
    if match is None:
        raise BrokerError(f"{meta} has no cluster id", todo=f"delete {meta.parent}, which also deletes its topics")
    return match[1].strip()


def _new_cluster_id() -> str:
    """A random id in Kafka's format, without a leading dash: that would look like an option."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text


def java_command(main_class: str, *arguments: str) -> list[str]:
    """The command that runs one of Kafka's programs in a folder filled by `write_config`."""
    java, jars = find_java(), broker_jars()
    return [
        str(java.executable),
        *_JVM,
        *sharing_options(java, main_class, jars, chosen=environment_options()),
        "-Dlog4j2.configurationFile=file:log4j2.properties",
        "-cp",
        os.pathsep.join(str(jar) for jar in jars),
        main_class,
        *arguments,
    ]


def telling_line(lines: list[str]) -> str:
    """The last line that gives a cause; else the last one that mentions an error; else the last one."""
    meaningful = [line.strip() for line in lines if line.strip()]
    ranked = ([line for line in meaningful if pattern.search(line)] for pattern in _TROUBLE)
    return (next(filter(None, ranked), meaningful) or ["it printed nothing"])[-1][:300].rstrip(".")
