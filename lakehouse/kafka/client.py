"""A Kafka cluster as a value: what kafka-python's clients and Spark's source need to connect to it."""

import base64
import logging
from dataclasses import dataclass
from typing import Any

from lakehouse.errors import BrokerError, SettingsError
from lakehouse.jvm.java import find_java
from lakehouse.kafka.connection import WatchedClient, connect_error
from lakehouse.kafka.security import PLAINTEXT, KafkaSecurity, read_file
from lakehouse.settings import KafkaSettings

_MODULES = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
}
# Java's StreamTokenizer, which reads the quoted values of a JAAS line, understands these C-style escapes.
_JAAS_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"})
# RFC 5802: characters that a user name must escape. Kafka's own client does this, kafka-python does not.
_SCRAM_ESCAPES = str.maketrans({"=": "=3D", ",": "=2C"})
_PLAIN_KEY, _ENCRYPTED_KEY = "-----BEGIN PRIVATE KEY-----", "-----BEGIN ENCRYPTED PRIVATE KEY-----"
# OID 1.2.840.113549.1.5.13 as it appears in the DER of a key that is encrypted with PBES2.
_PBES2 = bytes.fromhex("06092a864886f70d01050d")
# The first Java supported by Spark in which Kafka's client was seen to open such a key; 17 does not.
_JAVA_WITH_PBES2 = 25


@dataclass(frozen=True)
class Cluster:
    """A cluster's address (`host:port,host:port`) and how to connect to it. Its repr shows no secret."""

    bootstrap: str
    security: KafkaSecurity = PLAINTEXT

    @property
    def servers(self) -> list[str]:
        return [server.strip() for server in self.bootstrap.split(",")]

    def client_options(self) -> dict[str, Any]:
        """Keyword arguments for kafka-python's admin client, producer and consumer.

        Such a client gives up the first time its login or certificate is refused, and its error says why.
        Raises SettingsError if a file named in the settings is missing or wrong.
        """
        security = self.security
        options: dict[str, Any] = {
            "bootstrap_servers": self.servers,
            "security_protocol": security.security_protocol,
            "kafka_client": WatchedClient,
        }
        if security.uses_tls:
            options["ssl_context"] = security.ssl_context()
        if security.uses_sasl:
            _keep_logins_out_of_logs()
            scram = security.sasl_mechanism != "PLAIN"
            options |= {
                "sasl_mechanism": security.sasl_mechanism,
                "sasl_plain_username": security.sasl_username.translate(_SCRAM_ESCAPES if scram else {}),
                "sasl_plain_password": _Hidden(security.password()),
            }
        return options

    def spark_options(self) -> dict[str, str]:
        """Options of Spark's Kafka source. PEM files are passed as text: a remote executor does not have them.

        Raises SettingsError if a file named in the settings is missing or wrong.
        """
        security = self.security
        options = {
            "kafka.bootstrap.servers": ",".join(self.servers),
            "kafka.security.protocol": security.security_protocol,
        }
        if security.uses_tls:
            options |= _tls_options(security)
        if security.uses_sasl:
            options["kafka.sasl.mechanism"] = security.sasl_mechanism
            options["kafka.sasl.jaas.config"] = jaas_config(
                security.sasl_mechanism, security.sasl_username, security.password()
            )
        return options

    def connect_error(self, error: BaseException, timeout_seconds: float) -> BrokerError:
        """A one-line error for a client that could not be created from these options in that time."""
        return connect_error(self.bootstrap, self.security, error, timeout_seconds)


def configured_cluster(kafka: KafkaSettings) -> Cluster:
    """The cluster of kafka.bootstrap_servers."""
    security = {name: getattr(kafka, name) for name in KafkaSecurity.model_fields}
    return Cluster(kafka.bootstrap_servers, KafkaSecurity(**security))


def jaas_config(mechanism: str, username: str, password: str) -> str:
    """The line with which a Java client logs in; name and password may hold any characters."""
    name, word = (text.translate(_JAAS_ESCAPES) for text in (username, password))
    return f'{_MODULES[mechanism]} required username="{name}" password="{word}";'


def _tls_options(security: KafkaSecurity) -> dict[str, str]:
    options = {}
    if not security.ssl_check_hostname:
        options["kafka.ssl.endpoint.identification.algorithm"] = ""
    if security.ssl_ca_file:
        options["kafka.ssl.truststore.type"] = "PEM"
        options["kafka.ssl.truststore.certificates"] = read_file(security.ssl_ca_file, "kafka.ssl_ca_file")
    if security.ssl_certificate_file:
        options["kafka.ssl.keystore.type"] = "PEM"
        options["kafka.ssl.keystore.certificate.chain"] = read_file(
            security.ssl_certificate_file, "kafka.ssl_certificate_file"
        )
        options["kafka.ssl.keystore.key"] = _java_key(security.ssl_key_file)
    if security.ssl_key_password:
        options["kafka.ssl.key.password"] = security.ssl_key_password.get_secret_value()
    return options


def _java_key(path: str) -> str:
    """The key's text. Raises SettingsError for a format that Python reads but Kafka's Java client does not."""
    text = read_file(path, "kafka.ssl_key_file")
    convert = f"convert it: openssl pkcs8 -topk8 -v1 PBE-SHA1-3DES -in {path} (or -nocrypt: without a password)"
    encrypted = _ENCRYPTED_KEY in text
    if not encrypted and _PLAIN_KEY not in text:
        raise SettingsError(
            f"kafka.ssl_key_file {path} is not a PKCS#8 key, the only kind that Spark's Kafka client reads",
            todo=convert,
        )
    if encrypted and _is_pbes2(text) and find_java().version < _JAVA_WITH_PBES2:
        raise SettingsError(
            f"kafka.ssl_key_file {path} is encrypted with PBES2, which Spark's Kafka client cannot open "
            f"on Java {find_java().version}",
            todo=convert,
        )
    return text


def _is_pbes2(pem: str) -> bool:
    body = pem.partition(_ENCRYPTED_KEY)[2].partition("-----END")[0]
    try:
        return _PBES2 in base64.b64decode("".join(body.split()))
    except ValueError:
        return False


class _Hidden(str):
    """A password that kafka-python can use, but that does not show when its configuration is printed."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


def _no_debug(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG


def _keep_logins_out_of_logs() -> None:
    """Keep logins out of the log: at DEBUG kafka-python logs each request's bytes, including a PLAIN login's."""
    for name in ("kafka.net.connection", "kafka.protocol.parser"):
        logging.getLogger(name).addFilter(_no_debug)
