"""Kafka with TLS, certificates and passwords, through settings alone, on a real broker that requires them."""

import base64
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from kafka import KafkaConsumer, TopicPartition
from pyspark.errors import StreamingQueryException
from pyspark.sql import SparkSession

from bronze.ingest import ingest, read_kafka
from lakehouse.broker.config import LOOPBACK, format_storage, write_config
from lakehouse.broker.process import Broker, launch_broker, retry_on_other_ports, stop_broker
from lakehouse.errors import BrokerError
from lakehouse.kafka.admin import cluster_id
from lakehouse.kafka.client import configured_cluster
from lakehouse.kafka.topics import ensure_topics
from lakehouse.settings import KafkaSettings, Settings, load_settings
from lakehouse.spark.lakehouse import SparkLakehouse
from lakehouse.tables import BRONZE_EVENTS
from producers.made_up.entities import user_records
from producers.sending.delivery import publish
from tests.support.certificates import KEY_WORD, encrypt_key, make_ca, make_certificate, require_openssl
from tests.support.folders import PROJECT
from tests.support.ports import free_ports
from tests.support.processes import BIN, TIMEOUT, await_condition, environment, small_submits
from tests.support.spark_pages import shown

USER = "ana=lakehouse"
# Every character that could break a JAAS line or a properties file.
WORD = r"""ñ"q"\b' ;=, {x} //c"""
CLEAR = {
    "security_protocol": "SASL_PLAINTEXT",
    "sasl_mechanism": "PLAIN",
    "sasl_username": "ana",
    "sasl_password": "simple",
}
RECORDS = 20

_PROTOCOLS = {"LOGIN": "SASL_SSL", "MUTUAL": "SSL", "CLEAR": "SASL_PLAINTEXT"}
_CONFIG = """
ssl.keystore.type=PEM
ssl.keystore.location=server-with-key.pem
ssl.truststore.type=PEM
ssl.truststore.location=ca.pem
listener.name.mutual.ssl.client.auth=required
listener.name.login.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.login.scram-sha-512.sasl.jaas.config=\\
 org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.clear.sasl.enabled.mechanisms=PLAIN
listener.name.clear.plain.sasl.jaas.config=\\
 org.apache.kafka.common.security.plain.PlainLoginModule required user_ana="simple";
"""


class Secure(NamedTuple):
    """A running broker's folder, with its certificates, and its listeners."""

    folder: Path
    login: str
    mutual: str
    clear: str

    def kafka(self, bootstrap: str, **changes: object) -> KafkaSettings:
        """The project's settings for one of the listeners."""
        base = load_settings().kafka.model_dump()
        return KafkaSettings.model_validate(
            {**base, "bootstrap_servers": bootstrap, "connect_timeout_seconds": 20, "partitions": 1, **changes}
        )

    def by_login(self, **changes: object) -> KafkaSettings:
        (self.folder / "word.txt").write_text(f"{WORD}\n", encoding="utf-8")
        login = {
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_username": USER,
            "sasl_password_file": str(self.folder / "word.txt"),
            "ssl_ca_file": str(self.folder / "ca.pem"),
        }
        return self.kafka(self.login, **{**login, **changes})

    def by_certificate(self, **changes: object) -> KafkaSettings:
        files = {
            "security_protocol": "SSL",
            "ssl_ca_file": str(self.folder / "ca.pem"),
            "ssl_certificate_file": str(self.folder / "client.pem"),
            "ssl_key_file": str(self.folder / "client-encrypted.key"),
            "ssl_key_password": KEY_WORD,
        }
        return self.kafka(self.mutual, **{**files, **changes})


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    """A broker that listens for passwords over TLS, for certificates, and for passwords in plaintext."""
    require_openssl()
    folder = tmp_path_factory.mktemp("secure")
    for ca in ("ca", "stranger"):
        make_ca(folder, ca)
    make_certificate(folder, "server", ca="ca", san=f"IP:{LOOPBACK}")
    for name, ca in (("client", "ca"), ("intruder", "stranger")):
        make_certificate(folder, name, ca=ca)
    encrypt_key(folder, "client", "client-encrypted.key", "-v1", "PBE-SHA1-3DES")
    with_key = (folder / "server.key").read_text() + (folder / "server.pem").read_text()
    (folder / "server-with-key.pem").write_text(with_key)
    addresses: list[str] = []

    def start() -> Broker:
        port = write_config(folder, 0)
        addresses[:] = add_listeners(folder / "server.properties")
        identity = format_storage(folder, "--add-scram", f"SCRAM-SHA-512=[{scram_credential()}]")
        return launch_broker(folder, port, identity)

    broker = retry_on_other_ports(start)
    yield Secure(folder, *addresses)
    stop_broker(broker, folder)


def add_listeners(config: Path) -> list[str]:
    """Add the secure listeners to the embedded broker's own; returns their addresses."""
    addresses = [f"{LOOPBACK}:{port}" for port in free_ports(len(_PROTOCOLS))]
    listeners = "".join(f",{name}://{address}" for name, address in zip(_PROTOCOLS, addresses, strict=True))
    protocols = "".join(f",{name}:{protocol}" for name, protocol in _PROTOCOLS.items())
    text = config.read_text()
    text = re.sub(r"^(advertised\.)?listeners=.*$", rf"\g<0>{listeners}", text, flags=re.MULTILINE)
    text = re.sub(r"^listener\.security\.protocol\.map=.*$", rf"\g<0>{protocols}", text, flags=re.MULTILINE)
    config.write_text(text + _CONFIG)
    return addresses


def scram_credential() -> str:
    """The credential for StorageTool: with the salted password, because its parser splits at commas."""
    salt = b"0123456789abcdef"
    salted = hashlib.pbkdf2_hmac("sha512", WORD.encode(), salt, 4096)
    encoded = {name: base64.b64encode(value).decode() for name, value in (("salt", salt), ("salted", salted))}
    return f'name="{USER}",iterations=4096,salt="{encoded["salt"]}",saltedpassword="{encoded["salted"]}"'


def settings_of(kafka: KafkaSettings, root: Path, suffix: str) -> Settings:
    topics = {f"{name}_topic": f"{name}-{suffix}" for name in ("users", "movies", "series", "feedback")}
    return load_settings().model_copy(
        update={"root": str(root / "lakehouse"), "kafka": kafka.model_copy(update=topics)}
    )


def publish_users(settings: Settings) -> list[bytes | None]:
    """Create the topics, publish users, and return what a consumer reads back."""
    kafka, cluster = settings.kafka, configured_cluster(settings.kafka)
    ensure_topics(cluster, kafka.topics, **kafka.new_topics)
    delivery = publish(user_records(1, RECORDS), topic=kafka.users_topic, cluster=cluster)
    assert delivery[:3] == (RECORDS, RECORDS, 0)
    consumer = KafkaConsumer(**cluster.client_options(), auto_offset_reset="earliest", consumer_timeout_ms=20_000)
    consumer.assign([TopicPartition(kafka.users_topic, 0)])
    try:
        return [next(consumer).value for _ in range(RECORDS)]
    finally:
        consumer.close()


def landed(spark: SparkSession, settings: Settings) -> list[bytes]:
    rows = SparkLakehouse(settings.root, spark).read(BRONZE_EVENTS).orderBy("offset").select("value").collect()
    return [row["value"].encode() for row in rows]


def written(*folders: Path) -> str:
    """The content of all files in these folders."""
    files = [file for folder in folders for file in sorted(folder.rglob("*")) if file.is_file()]
    return "\n".join(file.read_bytes().decode(errors="replace") for file in files)


def spellings(text: str) -> set[str]:
    """The text as it appears in a plain file, in a JAAS line, and in JSON of either."""
    jaas = text.replace("\\", "\\\\").replace('"', '\\"')
    quoted = {json.dumps(one, ensure_ascii=escape)[1:-1] for one in (text, jaas) for escape in (True, False)}
    return {text, jaas, *quoted}


def key_lines(pem: Path) -> set[str]:
    return {line for line in pem.read_text().splitlines() if not line.startswith("-----")}


def test_a_job_reads_with_tls_and_a_password_that_is_shown_nowhere(
    spark: SparkSession, secure: Secure, tmp_path: Path
) -> None:
    """Not on its terminal, in its logs, tables and checkpoints, nor on any page of its UI while it runs."""
    settings = settings_of(secure.by_login(), tmp_path, "login")
    sent = publish_users(settings)
    events, log = tmp_path / "events", tmp_path / "stream.log"
    events.mkdir()
    [port] = free_ports(1)
    talkative = {
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": events.as_uri(),
        "spark.eventLog.compress": "false",
        "spark.log.level": "INFO",
        "spark.ui.enabled": "true",
        "spark.ui.port": str(port),
    }
    flags = [part for name, value in talkative.items() for part in ("--conf", f"{name}={value}")]
    command = [BIN / "spark-submit", "--properties-file", "conf/spark-defaults.conf", *flags, "bronze/ingest.py"]
    with log.open("wb") as output:
        job = subprocess.Popen(
            [*command, "--trigger", "500ms"],
            cwd=PROJECT,
            # everything that listens does so on loopback
            env=environment(settings) | small_submits() | {"SPARK_LOCAL_IP": LOOPBACK},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        ended = Path(settings.root, "checkpoints", "bronze", "events", "commits", "0")
        await_condition(lambda: job.poll() is not None or ended.exists(), "the first batch ends")
        assert job.poll() is None, log.read_text()[-3000:]
        pages = shown(f"{LOOPBACK}:{port}")
    finally:
        stop_driver(job)
        code = job.wait(timeout=TIMEOUT)
    printed = log.read_text()
    assert code == 0, printed[-3000:]
    assert landed(spark, settings) == sent
    places = {"printed": printed, "event log": written(events), "root": written(Path(settings.root)), **pages}
    # where a password would appear: the Kafka clients' configuration, plans, all tabs of the UI
    assert "sasl.jaas.config = [hidden]" in printed
    assert "SparkListenerSQLExecutionStart" in places["event log"]
    expect_all_tabs(pages)
    assert not [place for place, text in places.items() if "ScramLoginModule" in text]
    spelt = spellings(WORD)
    assert not [place for place, text in places.items() if any(spelling in text for spelling in spelt)]


def stop_driver(job: subprocess.Popen[bytes]) -> None:
    """Ask the Python process of a spark-submit to stop; the JVM, its parent, ends after it."""
    found = subprocess.run(["pgrep", "-P", str(job.pid), "-f", "ingest.py"], capture_output=True, check=False)
    for pid in found.stdout.split() or [job.pid]:
        os.kill(int(pid), signal.SIGTERM)


def expect_all_tabs(pages: dict[str, str]) -> None:
    """The pages describe this stream: its settings, its plans and its batches."""
    assert "spark.ui.port" in pages["/environment/"]
    assert any(
        "environment" in path and "spark.ui.port" in text for path, text in pages.items() if "/api/" in path
    )
    assert any(
        path.startswith("/StreamingQuery/statistics") and "bronze.events" in text for path, text in pages.items()
    )
    plans = [text for path, text in pages.items() if path.startswith("/SQL/execution")]
    assert any("MicroBatchScan" in text for text in plans)


def test_certificates_alone_will_do(spark: SparkSession, secure: Secure, tmp_path: Path) -> None:
    settings = settings_of(secure.by_certificate(), tmp_path, "mutual")
    sent = publish_users(settings)
    ingest(spark, settings, configured_cluster(settings.kafka))
    assert landed(spark, settings) == sent
    text = written(Path(settings.root))
    secrets = {*spellings(KEY_WORD), *key_lines(secure.folder / "client-encrypted.key")}
    assert not [secret for secret in secrets if secret in text]


def test_a_login_in_the_clear(secure: Secure) -> None:
    assert cluster_id(configured_cluster(secure.kafka(secure.clear, **CLEAR)), timeout_seconds=20)


WRONG = {"sasl_password_file": "", "sasl_password": f"{WORD}!"}
NO_CERTIFICATE = {"ssl_certificate_file": "", "ssl_key_file": "", "ssl_key_password": ""}


@pytest.mark.parametrize(
    ("listener", "changes", "message"),
    [
        (
            "login",
            WRONG,
            "refuses the login of .* with SCRAM-SHA-512; correct kafka.sasl_username, and the password in",
        ),
        ("login", {"sasl_username": "nobody"}, "refuses the login of 'nobody' with SCRAM-SHA-512; correct"),
        (
            "login",
            {"sasl_mechanism": "PLAIN"},
            "SASL mechanism PLAIN; correct kafka.sasl_mechanism",
        ),
        ("login", {"ssl_ca_file": "stranger.pem"}, "is not trusted: .*; set kafka.ssl_ca_file to the CA"),
        ("login", {"ssl_ca_file": ""}, "is not trusted: .*; set kafka.ssl_ca_file to the CA"),
        ("mutual", {"ssl_ca_file": "stranger.pem"}, "is not trusted: .*; set kafka.ssl_ca_file to the CA"),
        ("mutual", NO_CERTIFICATE, "refuses this client's certificate: .*; correct kafka.ssl_certificate_file"),
        (
            "mutual",
            {"ssl_certificate_file": "intruder.pem", "ssl_key_file": "intruder.key", "ssl_key_password": ""},
            "refuses this client's certificate: .*; correct kafka.ssl_certificate_file and kafka.ssl_key_file",
        ),
    ],
)
def test_a_refusal_is_one_line_at_once(
    secure: Secure, capfd: pytest.CaptureFixture[str], listener: str, changes: dict[str, str], message: str
) -> None:
    in_folder = {
        name: str(secure.folder / value) if value and name.endswith("_file") else value
        for name, value in changes.items()
    }
    kafka = secure.by_login(**in_folder) if listener == "login" else secure.by_certificate(**in_folder)
    began = time.monotonic()
    with pytest.raises(BrokerError, match=message) as error:
        cluster_id(configured_cluster(kafka), timeout_seconds=20)
    assert time.monotonic() - began < 5  # far less than the 20 s that it may wait for a silent broker
    assert "\n" not in str(error.value)
    assert not any(secret in str(error.value) for secret in (*spellings(WORD), *spellings(KEY_WORD)))
    assert capfd.readouterr() == ("", "")


def test_a_certificate_of_another_host_is_refused_unless_the_settings_allow_it(secure: Secure) -> None:
    port = secure.login.rpartition(":")[2]
    by_name = {"bootstrap_servers": f"localhost:{port}"}  # the certificate is for 127.0.0.1
    with pytest.raises(BrokerError, match=r"is for another host: .*ssl_check_hostname = false"):
        cluster_id(configured_cluster(secure.by_login(**by_name)), timeout_seconds=20)
    trusting = configured_cluster(secure.by_login(**by_name, ssl_check_hostname=False))
    assert cluster_id(trusting, timeout_seconds=20)


@pytest.mark.parametrize("changes", [{"security_protocol": "PLAINTEXT"}, CLEAR])
def test_a_protocol_that_the_listener_does_not_speak_is_named(secure: Secure, changes: dict[str, str]) -> None:
    message = f"does not speak {changes['security_protocol']}; correct kafka.security_protocol"
    with pytest.raises(BrokerError, match=message):
        cluster_id(configured_cluster(secure.kafka(secure.mutual, **changes)), timeout_seconds=2)


def test_tls_where_none_is_spoken_is_named(secure: Secure) -> None:
    with pytest.raises(BrokerError, match=f"at {secure.clear} does not speak SASL_SSL; correct"):
        cluster_id(configured_cluster(secure.by_login(bootstrap_servers=secure.clear)), timeout_seconds=2)


def test_a_login_where_none_is_taken_is_named(secure: Secure) -> None:
    files = ("ssl_certificate_file", "ssl_key_file", "ssl_key_password")
    certificate = {name: getattr(secure.by_certificate(), name) for name in files}
    kafka = secure.by_login(bootstrap_servers=secure.mutual, **certificate)
    with pytest.raises(
        BrokerError, match=r"accepts no logins on that port, but .* is SASL_SSL; correct kafka\.security_protocol"
    ):
        cluster_id(configured_cluster(kafka), timeout_seconds=20)


def test_a_silent_listener_does_not_hold_a_tls_client_for_ever(secure: Secure) -> None:
    with socket.create_server((LOOPBACK, 0)) as silent:
        address = f"{LOOPBACK}:{silent.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(BrokerError, match=f"no Kafka broker answers at {address} within 1 s"):
            cluster_id(configured_cluster(secure.by_login(bootstrap_servers=address)), timeout_seconds=1)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("flags", [[], ["--debug"]])
def test_a_producer_with_a_wrong_password_ends_with_one_line(
    secure: Secure, tmp_path: Path, flags: list[str]
) -> None:
    kafka = secure.by_login(**WRONG)
    done = subprocess.run(
        [sys.executable, "-m", "producers.users", "--count", "1", "--seed", "1", *flags],
        cwd=PROJECT,
        env=environment(settings_of(kafka, tmp_path, "wrong")),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    *before, last = done.stderr.splitlines()
    assert last.startswith(f"lakehouse: the Kafka broker at {secure.login} refuses the login of 'ana=lakehouse'")
    # --debug shows every exception in the chain; without it, none appears
    assert any("SaslAuthenticationFailedError" in line for line in before) == bool(flags)
    assert bool(before) == bool(flags)
    assert not any(secret in done.stderr for secret in spellings(WORD))


def test_neither_a_plan_nor_a_failed_query_shows_the_password(
    spark: SparkSession, secure: Secure, tmp_path: Path
) -> None:
    cluster = configured_cluster(secure.by_login(**WRONG))
    records = read_kafka(spark, cluster, ["users-login"], load_settings().bronze, starting_offsets="earliest")
    writer = records.writeStream.format("noop").option("checkpointLocation", str(tmp_path / "checkpoint"))
    query = writer.trigger(availableNow=True).start()
    with pytest.raises(StreamingQueryException, match="invalid credentials") as error:
        query.awaitTermination()
    shown = f"{error.value} {query.exception()} {records._jdf.queryExecution().toString()}"
    assert not any(secret in shown for secret in spellings(WORD))
