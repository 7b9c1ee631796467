"""Settings for TLS and logins: what fits together, what each client receives, and that no secret is shown."""

import json
import logging
import re
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient
from kafka.errors import (
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaTimeoutError,
    SaslAuthenticationFailedError,
    UnsupportedSaslMechanismError,
)
from pydantic import SecretStr, ValidationError

from lakehouse.configuration.faults import settings_error
from lakehouse.errors import SettingsError, run_guarded
from lakehouse.jvm.java import find_java
from lakehouse.kafka.client import Cluster, configured_cluster, jaas_config
from lakehouse.kafka.security import PLAINTEXT, KafkaSecurity
from lakehouse.settings import load_settings
from lakehouse.spark.defaults import spark_defaults
from operations import cli
from tests.support.certificates import KEY_WORD, encrypt_key, make_ca, make_certificate, openssl, require_openssl
from tests.support.folders import PROJECT

# A password that must not appear anywhere.
UNSEEN = "gräßlich-geheim"
SCRAM = {"security_protocol": "SASL_SSL", "sasl_mechanism": "SCRAM-SHA-512", "sasl_username": "ana"}
PREFIX = "LAKEHOUSE_KAFKA__"


def security(**changes: object) -> KafkaSecurity:
    return KafkaSecurity.model_validate({**PLAINTEXT.model_dump(), **changes})


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ca.pem, client.pem and client.key, the key in other forms, and the key of another certificate."""
    require_openssl()
    folder = tmp_path_factory.mktemp("pems")
    make_ca(folder, "ca")
    for name in ("client", "another"):
        make_certificate(folder, name, ca="ca")
    encrypt_key(folder, "client", "pbes2.key")
    encrypt_key(folder, "client", "pbes1.key", "-v1", "PBE-SHA1-3DES")
    openssl(folder, "ec", "-in", "client.key", "-out", "sec1.key")
    (folder / "notes.txt").write_text("no certificate")
    return folder


def environment(monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(PREFIX + name.upper(), value)


@pytest.fixture
def fresh(conf: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings per test, for a configured cluster."""
    environment(monkeypatch, bootstrap_servers="broker:9093")
    return conf


# --- what fits together


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        (
            {"security_protocol": "SSL", "bootstrap_servers": ""},
            "kafka.security_protocol = SSL needs kafka.bootstrap_servers: the embedded broker speaks PLAINTEXT",
        ),
        (
            {"security_protocol": "TLS"},
            "setting kafka.security_protocol = 'TLS': input should be 'PLAINTEXT', 'SSL'",
        ),
        ({**SCRAM, "sasl_mechanism": "GSSAPI"}, "setting kafka.sasl_mechanism = 'GSSAPI': input should be"),
        (
            {**SCRAM, "sasl_mechanism": "", "sasl_password": UNSEEN},
            "kafka.security_protocol = SASL_SSL needs kafka.sasl_mechanism",
        ),
        (
            {**SCRAM, "sasl_username": "", "sasl_password": UNSEEN},
            "kafka.security_protocol = SASL_SSL needs kafka.sasl_username",
        ),
        (
            SCRAM,
            "kafka.security_protocol = SASL_SSL needs a password: "
            "LAKEHOUSE_KAFKA__SASL_PASSWORD or kafka.sasl_password_file",
        ),
        (
            {**SCRAM, "sasl_password": UNSEEN, "sasl_password_file": "word"},
            "kafka.sasl_password and kafka.sasl_password_file are both set: keep one of them",
        ),
        (
            {"sasl_password": UNSEEN},
            "kafka.sasl_password is set, but kafka.security_protocol = PLAINTEXT does not use it",
        ),
        (
            {"ssl_ca_file": "ca.pem"},
            "kafka.ssl_ca_file is set, but kafka.security_protocol = PLAINTEXT does not use it",
        ),
        (
            {"security_protocol": "SSL", "sasl_username": "ana"},
            "kafka.sasl_username is set, but kafka.security_protocol = SSL does not use it",
        ),
        (
            {"security_protocol": "SSL", "ssl_certificate_file": "client.pem"},
            "kafka.ssl_certificate_file and kafka.ssl_key_file belong together: set both or neither",
        ),
        (
            {"security_protocol": "SSL", "ssl_key_file": "client.key"},
            "kafka.ssl_certificate_file and kafka.ssl_key_file belong together: set both or neither",
        ),
        (
            {"security_protocol": "SSL", "ssl_key_password": UNSEEN},
            "kafka.ssl_key_password is set without kafka.ssl_key_file",
        ),
    ],
)
@pytest.mark.usefixtures("fresh")
def test_what_does_not_fit_together_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], settings: dict[str, str], fault: str
) -> None:
    environment(monkeypatch, **settings)
    # --debug prints the whole chain of exceptions, pydantic's own included
    assert run_guarded(lambda: bool(load_settings()), debug=True) == 2
    printed = capsys.readouterr().err
    assert printed.splitlines()[-1].startswith(f"lakehouse: {fault}")
    assert UNSEEN not in printed


@pytest.mark.parametrize("file", ["lakehouse.toml", "lakehouse.secure.toml"])
@pytest.mark.parametrize(
    ("key", "todo"),
    [
        ("sasl_password", "set LAKEHOUSE_KAFKA__SASL_PASSWORD or kafka.sasl_password_file"),
        ("ssl_key_password", "set LAKEHOUSE_KAFKA__SSL_KEY_PASSWORD"),
    ],
)
def test_a_secret_in_a_settings_file_is_refused(
    fresh: Path, monkeypatch: pytest.MonkeyPatch, file: str, key: str, todo: str
) -> None:
    monkeypatch.setenv("LAKEHOUSE_ENV", "secure")
    (fresh / "lakehouse.secure.toml").write_text("[kafka]\n")
    text = (fresh / file).read_text(encoding="utf-8")
    (fresh / file).write_text(text.replace("[kafka]\n", f'[kafka]\n{key} = "{UNSEEN}"\n'), encoding="utf-8")
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert str(error.value) == f"{fresh / file} holds kafka.{key}; remove it and {todo}"


@pytest.mark.parametrize("password", ["[1, 2]", "null", '{"a": 1}', "12", ' "quoted" ', "ñ\\"])
@pytest.mark.usefixtures("fresh")
def test_a_password_of_the_environment_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    environment(monkeypatch, **SCRAM, sasl_password=password)
    assert configured_cluster(load_settings().kafka).security.password() == password


@pytest.mark.usefixtures("fresh")
def test_a_password_file_is_read_without_the_space_around_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "word").write_text(f" {UNSEEN}\n", encoding="utf-8")
    environment(monkeypatch, **SCRAM, sasl_password_file=str(tmp_path / "word"))
    assert configured_cluster(load_settings().kafka).client_options()["sasl_plain_password"] == UNSEEN


# --- files that are missing or wrong


def text_file(folder: Path, name: str, content: bytes) -> str:
    (folder / name).write_bytes(content)
    return str(folder / name)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        (
            {**SCRAM, "sasl_password_file": "nowhere"},
            "kafka.sasl_password_file {}nowhere cannot be read: No such file",
        ),
        (
            {**SCRAM, "sasl_password_file": "empty"},
            "kafka.sasl_password_file {}empty is empty; write the password",
        ),
        (
            {**SCRAM, "sasl_password_file": "binary"},
            "kafka.sasl_password_file {}binary cannot be read: it is not text",
        ),
        ({"ssl_ca_file": "nowhere"}, "kafka.ssl_ca_file {}nowhere cannot be read: No such file"),
        ({"ssl_ca_file": "notes.txt"}, "kafka.ssl_ca_file {}notes.txt contains no certificate; name a PEM file"),
        (
            {"ssl_certificate_file": "nowhere", "ssl_key_file": "client.key"},
            "kafka.ssl_certificate_file {}nowhere cannot be read: No such file",
        ),
        (
            {"ssl_certificate_file": "client.pem", "ssl_key_file": "nowhere"},
            "kafka.ssl_key_file {}nowhere cannot be read: No such file",
        ),
        (
            {"ssl_certificate_file": "client.pem", "ssl_key_file": "another.key"},
            "kafka.ssl_key_file {}another.key cannot be used with the certificate",
        ),
        (  # would otherwise ask for the password on the terminal
            {"ssl_certificate_file": "client.pem", "ssl_key_file": "pbes1.key"},
            "kafka.ssl_key_file {}pbes1.key cannot be used with the certificate",
        ),
        (
            {"ssl_certificate_file": "client.pem", "ssl_key_file": "pbes1.key", "ssl_key_password": UNSEEN},
            "kafka.ssl_key_file {}pbes1.key cannot be used with the certificate",
        ),
    ],
)
def test_a_file_that_is_missing_or_wrong_is_named(pems: Path, changes: dict[str, str], fault: str) -> None:
    text_file(pems, "empty", b" \n")
    text_file(pems, "binary", b"\xff\xfe")
    files = {name: str(pems / value) for name, value in changes.items() if name.endswith("_file")}
    with pytest.raises(SettingsError) as error:
        Cluster("broker:9093", security(**{"security_protocol": "SSL", **changes, **files})).client_options()
    assert str(error.value).startswith(fault.format(f"{pems}/"))
    assert UNSEEN not in str(error.value)


@pytest.mark.parametrize(
    ("key", "password", "fault"),
    [("sec1.key", "", "is not a PKCS#8 key"), ("pbes2.key", KEY_WORD, "is encrypted with PBES2")],
)
def test_a_key_that_java_cannot_open_says_how_to_convert_it(
    pems: Path, monkeypatch: pytest.MonkeyPatch, key: str, password: str, fault: str
) -> None:
    java = find_java()._replace(version=17)
    monkeypatch.setattr("lakehouse.kafka.client.find_java", lambda: java)
    cluster = mutual(pems, key, password)
    cluster.client_options()  # Python opens it
    with pytest.raises(SettingsError, match=fault) as error:
        cluster.spark_options()
    assert f"openssl pkcs8 -topk8 -v1 PBE-SHA1-3DES -in {pems / key}" in error.value.todo


def mutual(pems: Path, key: str, password: str = "") -> Cluster:
    return Cluster(
        "a:1, b:2",
        security(
            security_protocol="SSL",
            ssl_ca_file=str(pems / "ca.pem"),
            ssl_certificate_file=str(pems / "client.pem"),
            ssl_key_file=str(pems / key),
            ssl_key_password=password,
        ),
    )


# --- what each client is given


def test_plaintext_is_all_that_an_address_needs() -> None:
    cluster = Cluster("a:1, b:2")
    options = cluster.client_options()
    assert (options["bootstrap_servers"], options["security_protocol"]) == (["a:1", "b:2"], "PLAINTEXT")
    assert cluster.spark_options() == {
        "kafka.bootstrap.servers": "a:1,b:2",
        "kafka.security.protocol": "PLAINTEXT",
    }


@pytest.mark.parametrize(
    ("mechanism", "user"),
    [("PLAIN", "a=b,c"), ("SCRAM-SHA-256", "a=3Db=2Cc"), ("SCRAM-SHA-512", "a=3Db=2Cc")],
)
def test_a_login_for_both_clients(mechanism: str, user: str) -> None:
    login = {"sasl_mechanism": mechanism, "sasl_username": "a=b,c", "sasl_password": UNSEEN}
    cluster = Cluster("a:1", security(security_protocol="SASL_PLAINTEXT", **login))
    options = cluster.client_options()
    assert options["sasl_mechanism"] == mechanism
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == (user, UNSEEN)
    module = "plain.PlainLoginModule" if mechanism == "PLAIN" else "scram.ScramLoginModule"
    assert cluster.spark_options() == {
        "kafka.bootstrap.servers": "a:1",
        "kafka.security.protocol": "SASL_PLAINTEXT",
        "kafka.sasl.mechanism": mechanism,
        "kafka.sasl.jaas.config": (
            f'org.apache.kafka.common.security.{module} required username="a=b,c" password="{UNSEEN}";'
        ),
    }


def test_certificates_for_both_clients(pems: Path) -> None:
    cluster = mutual(pems, "pbes1.key", KEY_WORD)
    context = cluster.client_options()["ssl_context"]
    assert context.check_hostname
    assert [ca["subject"] for ca in context.get_ca_certs()] == [((("commonName", "ca"),),)]
    ca, certificate, key = (
        (pems / name).read_text(encoding="utf-8") for name in ("ca.pem", "client.pem", "pbes1.key")
    )
    assert cluster.spark_options() == {
        "kafka.bootstrap.servers": "a:1,b:2",
        "kafka.security.protocol": "SSL",
        "kafka.ssl.truststore.type": "PEM",
        "kafka.ssl.truststore.certificates": ca,
        "kafka.ssl.keystore.type": "PEM",
        "kafka.ssl.keystore.certificate.chain": certificate,
        "kafka.ssl.keystore.key": key,
        "kafka.ssl.key.password": KEY_WORD,
    }


def test_another_host_is_accepted_where_the_settings_say_so() -> None:
    cluster = Cluster("a:1", security(security_protocol="SSL", ssl_check_hostname=False))
    assert not cluster.client_options()["ssl_context"].check_hostname
    assert cluster.spark_options()["kafka.ssl.endpoint.identification.algorithm"] == ""


@pytest.mark.parametrize(
    ("password", "written"),
    [
        ("simple", "simple"),
        ('say "no"', r"say \"no\""),
        ("back\\slash", r"back\\slash"),
        ('\\"', r"\\\""),
        ("a;b' //c /*d*/ {e} ñ", "a;b' //c /*d*/ {e} ñ"),  # has no meaning between quotes
        ("two\nlines\r", r"two\nlines\r"),
    ],
)
def test_a_jaas_line_holds_any_password(password: str, written: str) -> None:
    line = jaas_config("PLAIN", 'u"', password)
    assert line.endswith(rf' required username="u\"" password="{written}";')


# --- no secret is shown


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.usefixtures("fresh")
def test_config_shows_that_a_secret_is_set_and_not_which(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    environment(monkeypatch, **SCRAM, sasl_password=UNSEEN)
    assert cli.main(["config", "--json"] if as_json else ["config"]) == 0
    shown = capsys.readouterr().out
    assert UNSEEN not in shown
    if as_json:
        kafka = json.loads(shown)["kafka"]
        assert (kafka["sasl_password"], kafka["ssl_key_password"]) == ("***", "")
    else:
        assert [line.split() for line in shown.splitlines() if "kafka.sasl_password " in line] == [
            ["kafka.sasl_password", "***"]
        ]


def test_no_repr_shows_a_secret() -> None:
    cluster = Cluster("a:1", security(**SCRAM, sasl_password=UNSEEN))
    assert UNSEEN not in f"{cluster!r} {cluster} {cluster.security} {cluster.client_options()}"


def test_a_validation_error_shows_no_secret() -> None:
    given = {**PLAINTEXT.model_dump(), "sasl_password": UNSEEN.encode(), "ssl_key_password": [UNSEEN]}
    with pytest.raises(ValidationError) as error:
        KafkaSecurity.model_validate(given)
    failure = settings_error(error.value, source="here", secrets={"sasl_password", "ssl_key_password"})
    assert "setting ssl_key_password: input should be a valid string" in str(failure)
    assert UNSEEN not in f"{failure} {error.value}"


def test_kafka_pythons_debug_log_shows_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    login = {"sasl_mechanism": "PLAIN", "sasl_username": "ana", "sasl_password": UNSEEN}
    options = Cluster("127.0.0.1:1", security(security_protocol="SASL_PLAINTEXT", **login)).client_options()
    with caplog.at_level(logging.DEBUG, logger="kafka"), pytest.raises(KafkaTimeoutError):
        KafkaAdminClient(**options, bootstrap_timeout_ms=50)
    assert "Starting KafkaAdminClient with configuration" in caplog.text
    assert UNSEEN not in caplog.text


@pytest.mark.parametrize("name", ["kafka.net.connection", "kafka.protocol.parser"])
def test_the_bytes_of_a_login_are_in_no_debug_log(caplog: pytest.LogCaptureFixture, name: str) -> None:
    login = {"sasl_mechanism": "PLAIN", "sasl_username": "ana", "sasl_password": UNSEEN}
    Cluster("a:1", security(security_protocol="SASL_PLAINTEXT", **login)).client_options()
    with caplog.at_level(logging.DEBUG, logger="kafka"):
        logging.getLogger(name).debug("Request 1: SaslAuthenticateRequest(%r)", UNSEEN)
        logging.getLogger(name).info("logged")
    assert [record.getMessage() for record in caplog.records] == ["logged"]


@pytest.mark.parametrize("regex", ["spark.redaction.regex", "spark.sql.redaction.options.regex"])
def test_spark_redacts_every_option_that_may_hold_a_secret(pems: Path, regex: str) -> None:
    hidden = re.compile(spark_defaults(PROJECT / "conf" / "spark-defaults.conf")[regex])
    certificate = mutual(pems, "pbes1.key", KEY_WORD).spark_options()
    login = Cluster("a:1", security(**SCRAM, sasl_password=UNSEEN)).spark_options()
    shown = {name for name in {**certificate, **login} if not hidden.search(name)}
    assert shown == {"kafka.bootstrap.servers", "kafka.security.protocol", "kafka.sasl.mechanism"}
    variables = ("spark.executorEnv.LAKEHOUSE_KAFKA__SASL_PASSWORD", "LAKEHOUSE_KAFKA__SSL_KEY_PASSWORD")
    assert all(hidden.search(name) for name in variables)


# --- why a client could not be made


def caused(failure: BaseException) -> KafkaTimeoutError:
    error = KafkaTimeoutError("time is up")
    error.__cause__ = failure
    return error


@pytest.mark.parametrize(
    ("error", "problem", "todo"),
    [
        (
            SaslAuthenticationFailedError("x"),
            "the Kafka broker at a:1 refuses the login of 'ana' with SCRAM-SHA-512",
            "correct kafka.sasl_username, and the password in",
        ),
        (
            UnsupportedSaslMechanismError(),
            "the Kafka broker at a:1 does not support the SASL mechanism SCRAM-SHA-512",
            "correct kafka.sasl_mechanism",
        ),
        (
            IllegalSaslStateError(),
            "the Kafka broker at a:1 accepts no logins on that port, but kafka.security_protocol is SASL_SSL",
            "correct kafka.security_protocol or the port",
        ),
        (
            caused(KafkaConnectionError("socket disconnected")),
            "the server at a:1 does not speak SASL_SSL",
            "correct kafka.security_protocol or the port",
        ),
        (KafkaTimeoutError(), "no Kafka broker answers at a:1 within 2 s", "start it, or leave kafka.bootstrap"),
        (
            caused(KafkaConnectionError("refused")),
            "no Kafka broker answers at a:1 within 2 s",
            "start it, or leave kafka.bootstrap",
        ),
    ],
)
def test_a_failure_to_connect_names_the_setting(error: BaseException, problem: str, todo: str) -> None:
    failure = Cluster("a:1", security(**SCRAM, sasl_password=SecretStr(UNSEEN))).connect_error(error, 2)
    assert failure.problem == problem
    assert failure.todo.startswith(todo)
