"""Every kind of setting: values that it must refuse, each with its key, and values that it accepts."""

import io
import json
from pathlib import Path

import pytest

from lakehouse.errors import SettingsError
from lakehouse.settings import load_settings
from operations import cli

SIZES = "a size above 0 as Spark writes it"
TOPICS = "a topic name that Kafka accepts"
SERVERS = "host:port or host:port,host:port"
BLANK = "text that is not blank"
DOTS = "an address whose parts after the bucket are not empty, not . and not .."
PLAIN = "text in UTF-8 without line breaks"
WRONG = [
    *[
        ("root", text, "a folder or an address such as s3a://")
        for text in ("", "   ", "\u00a0", " /data", "/data ")
    ],
    *[("root", text, PLAIN) for text in ("/da\nta", "/da\tta", "/da\udcffta", "/da\u2028ta")],
    *[("root", f"s3a://bucket/a{sign}b", PLAIN) for sign in "\n\x7f\x85\u2028\u2029\udcff"],
    *[("root", f"s3a://bucket/{key}", DOTS) for key in ("a/../c", "..", "./a", "a/.", "/x", "a//b", "a//..//")],
    *[
        ("root", text, "not the root of the file system")
        for text in ("/", "//", "///", "/..", "file:///", "file:/")
    ],
    *[("root", text, "an address with two slashes") for text in ("s3a:/bucket/x", "s3a:bucket")],
    *[("root", text, "an address with a bucket") for text in ("s3a://", "s3a:///x", "://x", "s 3://b")],
    *[("root", text, "a path of this machine with three slashes") for text in ("file:x", "file://host/x")],
    ("root", "file:///a#b", "%23 for #"),
    ("root", "/data/a%20b", "a folder without %20, which delta-rs reads as an escaped character"),
    ("root", "s3a://bucket/a%2fb", "a folder without %2f"),
    ("root", "file:///a%0Ab", "a folder without line breaks and other control characters, and not U+000A"),
    ("root", "/a\\b", "a folder without a backslash"),
    ("root", "/" + "x" * 256, "a folder whose names have at most 255 bytes each"),
    ("root", "~nobody-of-that-name/x", "a folder: Could not determine home directory"),
    *[("kafka.bootstrap_servers", text, BLANK) for text in (" ", "   ")],
    *[
        ("kafka.bootstrap_servers", text, SERVERS)
        for text in (
            "localhost",
            "localhost:",
            ":9092",
            "localhost:0",
            "localhost:65536",
            "localhost:99999999",
            "localhost:-1",
            "localhost:port",
            "localhost:90 92",
            "local host:9092",
            "a:9092,",
            ",a:9092",
            "a:9092,,b:9092",
            "a:9092, ,b:9092",
            "a:9092;b:9092",
            "a:9092 b:9092",
            "a:9092,b",
            "http://a:9092",
            "PLAINTEXT://a:9092",
            "a:9092/x",
            "::1:9092",
            "[::1]",
            '["a:9092"]',
            "a:\u0669092",  # a digit, but not ASCII
        )
    ],
    *[
        (f"kafka.{kind}_topic", text, TOPICS)
        for kind in ("users", "movies", "series", "feedback")
        for text in ("", " ", "a b", "a/b", "año", ".", "..", "a,b", "a\n", "x" * 250, "__consumer_offsets")
    ],
    *[
        ("silver.max_bytes_per_trigger", text, SIZES)
        for text in (
            "",
            " ",
            "lots",
            "-1m",
            "0",
            "0m",
            "1.5g",
            "1e6",
            "128mm",
            "m",
            "128x",
            "9" * 30,
            "9999999p",
            "1k 2",
        )
    ],
    *[
        ("kafka.partitions", text, "")
        for text in ("0", "-1", "2.5", "three", "", " ", "nan", "inf", "9" * 20, "0x3")
    ],
    *[("kafka.replication_factor", text, "") for text in ("0", "32768")],
    *[("kafka.retention_ms", text, "") for text in ("0", "-2", "1.5", "7d", "9" * 20)],
    *[("kafka.embedded_port", text, "") for text in ("-1", "65536", "kafka")],
    *[("kafka.connect_timeout_seconds", text, "") for text in ("0", "-1", "nan", "inf", "1e300", "0.0001", "10s")],
    ("root", "/dev/null", "expected a folder, and /dev/null is none"),
    ("root", f"{__file__}/lakehouse", f"expected a folder, and {__file__} is none"),
    ("root", "http://host/lakehouse", "an address of a store, such as s3a://bucket/lakehouse, "),
    ("root", "S3A://bucket/lakehouse", "a scheme in lower case"),
    ("ops_folder", "s3a://bucket/ops", "a folder of this machine, or an empty value"),
    ("ops_folder", "file:ops", "a path of this machine with three slashes"),
    ("ops_folder", f"file://{__file__}", f"a folder, and {__file__} is none"),
    ("kafka.sasl_username", "  ", BLANK),
    ("kafka.ssl_ca_file", "  ", BLANK),
    ("kafka.ssl_check_hostname", "perhaps", ""),
    *[("bronze.max_offsets_per_trigger", text, "") for text in ("0", "-1", "many", "9" * 20)],
    *[("bronze.fetch_max_wait_ms", text, "") for text in ("-1", "30000", "nan")],
    *[("silver.future_tolerance_seconds", text, "") for text in ("-1", "1e300", "9" * 12, "1h")],
    *[("gold.affinity.genre_weight", text, "") for text in ("-1", "nan", "inf", "-inf", "1e300", "much")],
    *[("gold.blend.popularity_weight", text, "") for text in ("nan", "-inf", "1e300")],
    *[("gold.als.alpha", text, "") for text in ("0", "nan", "inf")],
    *[("gold.als.holdout", text, "") for text in ("0", "1", "nan")],
    *[("gold.als.seed", text, "") for text in ("-1", "9" * 19, "nan")],
    *[("gold.feedback.liked_from", text, "") for text in ("0", "5.5", "nan")],
    *[("gold.popularity.trend_days", text, "") for text in ("0", "36526")],
    *[("quality.max_drift", text, "") for text in ("-0.1", "1.1", "nan")],
    *[("quality.max_rows_ratio", text, "") for text in ("0.5", "inf", "nan")],
    *[("demo.users", text, "") for text in ("0", "1e400", "9" * 5000)],
    *[("demo.seed", text, "") for text in ("-1", "x")],
    *[("up.rate", text, "") for text in ("0", "nan", "inf")],
    *[("up.trigger_seconds", text, "") for text in ("-1", "nan", "inf", "1e300")],
    *[("up.gold_every_seconds", text, "") for text in ("0", "inf")],
]
LISTS = [
    ("silver.clasificaciones", [""], "a name that is not blank"),
    ("silver.clasificaciones", ["  "], "a name that is not blank"),
    # silver trims: they would match nothing
    ("silver.clasificaciones", [" G"], "without white space or invisible characters around it"),
    ("silver.clasificaciones", ["\u200bG"], "without white space or invisible characters around it"),
    ("silver.clasificaciones", ["\u2800"], "a name that is not blank"),
    ("silver.clasificaciones", ["G\n"], PLAIN),
    ("silver.clasificaciones", [5], "input should be a valid string"),
    ("silver.clasificaciones", [["G"]], "input should be a valid string"),
    ("gold.als.ranks", [0], "greater than or equal to 1"),
    ("gold.als.ranks", [2.5], "input should be a valid integer"),
    ("gold.als.ranks", ["many"], "input should be a valid integer"),
    ("quality.may_be_empty", ["tombstones"], "the name of a table, such as silver.users"),
    ("quality.may_be_null", ["silver.users"], "the name of a table's column, such as silver.users.clasificacion"),
]
RIGHT = [
    ("root", "s3a://bucket", "s3a://bucket"),
    ("root", "hdfs://name:8020/x/", "hdfs://name:8020/x"),
    ("root", "s3a://bucket/...a/.b/c../", "s3a://bucket/...a/.b/c.."),
    ("root", "/raíz año [1] 100% #x", "/raíz año [1] 100% #x"),
    ("root", "file:///ra%C3%ADz%20a%C3%B1o%20%5B1%5D%20100%25%20%23x/", "/raíz año [1] 100% #x"),
    ("root", "//data//x://y/../z", "/data/x:/z"),
    ("root", "s3a://bucket/raíz año [1] 100% #x", "s3a://bucket/raíz año [1] 100% #x"),
    ("ops_folder", "file:///var/log/my%20lakehouse/", "/var/log/my lakehouse"),
    ("kafka.bootstrap_servers", "", ""),
    ("kafka.bootstrap_servers", "broker-1.example_x:9092", "broker-1.example_x:9092"),
    ("kafka.bootstrap_servers", " a:9092 , [::1]:1 ", "a:9092,[::1]:1"),
    ("kafka.users_topic", "a.B_c-9", "a.B_c-9"),
    ("kafka.users_topic", "x" * 249, "x" * 249),
    ("kafka.retention_ms", "-1", -1),
    ("silver.max_bytes_per_trigger", "1B", "1b"),
    ("silver.max_bytes_per_trigger", " 10 MB ", "10mb"),
    ("silver.max_bytes_per_trigger", "1g", "1g"),
    ("silver.max_bytes_per_trigger", "500000", "500000"),
    ("gold.blend.popularity_weight", "-0.5", -0.5),
    ("up.trigger_seconds", "0", 0.0),
    ("gold.als.seed", "0", 0),
]


def variable(key: str) -> str:
    return "LAKEHOUSE_" + key.replace(".", "__").upper()


def problem() -> str:
    with pytest.raises(SettingsError) as error:
        load_settings()
    message = str(error.value)
    assert "\n" not in message
    assert len(message) < 500
    return message


@pytest.mark.parametrize(("key", "text", "expected"), WRONG, ids=lambda part: ascii(part)[:40])
@pytest.mark.usefixtures("conf")
def test_a_wrong_value_is_named_with_its_key_and_variable(
    monkeypatch: pytest.MonkeyPatch, key: str, text: str, expected: str
) -> None:
    monkeypatch.setenv(variable(key), text)
    message = problem()
    assert message.startswith(f"setting {key} = {text!r}"[:100])
    assert expected in message
    assert message.endswith(f"correct {variable(key)}") or "home directory" in message


@pytest.mark.parametrize(("key", "items", "expected"), LISTS, ids=lambda part: ascii(part)[:40])
@pytest.mark.usefixtures("conf")
def test_a_wrong_item_of_a_list_is_named_with_its_place(
    monkeypatch: pytest.MonkeyPatch, key: str, items: list[object], expected: str
) -> None:
    monkeypatch.setenv(variable(key), json.dumps(items))
    message = problem()
    assert message.startswith(f"setting {key}.0 = {items[0]!r}: ")
    assert expected in message
    assert "at least one item" not in message  # the list has one, though a wrong one


@pytest.mark.parametrize(("key", "text", "expected"), RIGHT, ids=lambda part: ascii(part)[:40])
@pytest.mark.usefixtures("conf")
def test_a_right_value_is_taken(monkeypatch: pytest.MonkeyPatch, key: str, text: str, expected: object) -> None:
    monkeypatch.setenv(variable(key), text)
    found: object = load_settings()
    for name in key.split("."):
        found = getattr(found, name)
    assert found == expected


@pytest.mark.parametrize("key", ["sasl_password", "ssl_key_password"])
@pytest.mark.usefixtures("conf")
def test_a_secret_that_is_no_utf8_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv(variable(f"kafka.{key}"), "geheim\udcff")
    assert problem().startswith(f"setting kafka.{key}: expected text in UTF-8; correct LAKEHOUSE_KAFKA__")


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        ("s3a://KEY:geheim@bucket/x", "no login in the address"),
        ("s3a://KEY:ge/heim@bucket/x", "no login in the address"),  # S3 keys may contain a slash
        ("s3a:/KEY:geheim@bucket", "an address with two slashes"),
        ("s3a:KEY:geheim@bucket", "an address with two slashes"),
        (" s3a://KEY:geheim@bucket", "a folder or an address such as "),
        ("s3a://KEY:geheim@bucket\u00a0", "a folder or an address such as "),
        ("s3a://KEY:ge heim@bucket", "an address with a bucket"),
        ("s3a://KEY:ge\theim@bucket", PLAIN),
        ("~nobody-of-that-name:geheim@bucket/x", "a folder; correct "),
    ],
)
@pytest.mark.usefixtures("conf")
def test_a_login_in_the_root_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, root: str, expected: str
) -> None:
    monkeypatch.setenv("LAKEHOUSE_ROOT", root)
    message = problem()
    assert message.startswith(f"setting root: expected {expected}")
    assert "heim" not in message


@pytest.mark.parametrize(
    "root",
    [
        "abfss://container@account.dfs.core.windows.net/x",
        "hdfs://name:8020/x@y",
        "hdfs://[::1]:8020/x@y",
        "hdfs://me@name:8020",
    ],
)
@pytest.mark.usefixtures("conf")
def test_a_name_before_an_at_is_no_login(monkeypatch: pytest.MonkeyPatch, root: str) -> None:
    monkeypatch.setenv("LAKEHOUSE_ROOT", root)
    assert load_settings().root == root


@pytest.mark.usefixtures("conf")
def test_weights_that_are_all_0_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every score would be 0 divided by 0."""
    for feature in ("genre", "director", "actor", "rating", "decade"):
        monkeypatch.setenv(variable(f"gold.affinity.{feature}_weight"), "0")
    assert problem().startswith("all weights of gold.affinity are 0: expected at least one above 0")


@pytest.mark.usefixtures("conf")
def test_topics_that_kafka_takes_for_one_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_KAFKA__USERS_TOPIC", "platform.users")
    monkeypatch.setenv("LAKEHOUSE_KAFKA__MOVIES_TOPIC", "platform_users")
    assert "'platform.users' and 'platform_users' differ only in . and _" in problem()
    monkeypatch.setenv("LAKEHOUSE_KAFKA__MOVIES_TOPIC", "platform.users")  # one topic for everything is fine
    assert load_settings().kafka.movies_topic == "platform.users"


@pytest.mark.parametrize("command", ["config", "status", "doctor", "sql"])
def test_every_command_refuses_a_wrong_setting_at_once(
    conf: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("LAKEHOUSE_ROOT", str(conf / "root"))
    monkeypatch.setenv("LAKEHOUSE_SILVER__MAX_BYTES_PER_TRIGGER", "lots")
    err = io.StringIO()
    assert cli.main([command, *["SELECT 1"] * (command == "sql")], stdout=io.StringIO(), stderr=err) == 2
    assert err.getvalue().startswith("lakehouse: setting silver.max_bytes_per_trigger = 'lots': expected a size")
    assert err.getvalue().count("\n") == 1
    assert not (conf / "root").exists()
