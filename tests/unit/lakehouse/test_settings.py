"""Settings: one file, an overlay, the environment on top; any error names its key."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from lakehouse import settings as settings_module
from lakehouse.errors import SettingsError
from lakehouse.settings import conf_dir, load_settings


def edit(conf: Path, old: str, new: str) -> None:
    file = conf / "lakehouse.toml"
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")


def problem() -> str:
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_shipped_file_is_complete_and_right(conf: Path) -> None:
    settings = load_settings()
    assert settings.kafka.topics == ("producer1_topic", "producer2_topic", "producer3_topic", "producer4_topic")
    assert settings.silver.future_tolerance_seconds == 3600
    assert "PG-13" in settings.silver.clasificaciones
    assert settings.root == str(Path("data/lakehouse").resolve())
    assert conf_dir() == conf


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("partitions = 3", "partitons = 3", "missing setting kafka.partitions; unknown setting kafka.partitons"),
        (
            "partitions = 3",
            'partitions = "three"',
            "setting kafka.partitions = 'three': input should be a valid integer",
        ),
        (
            "partitions = 3",
            "partitions = 0",
            "setting kafka.partitions = 0: input should be greater than or equal to 1",
        ),
        ("partitions = 3", "partitions = 2.5", "setting kafka.partitions = 2.5: input should be a valid integer"),
        ("rank = 16\n", "", "missing setting gold.values.rank"),
        ("[bronze]", "[bronzee]", "missing setting bronze; unknown setting bronzee"),
        ("holdout = 0.2", "holdout = 1.0", "setting gold.als.holdout = 1.0: input should be less than 1"),
        ("dirty = 0.02", "dirty = -0.1", "setting demo.dirty = -0.1: input should be greater than or equal to 0"),
        ("titles = 3000", "titles = 1", "setting demo.titles = 1: input should be greater than or equal to 2"),
        (
            'formulas = "keep"',
            'formulas = "drop"',
            "setting export.formulas = 'drop': input should be 'keep' or 'escape'",
        ),
        ("dirty = 0.02", "dirty = nan", "setting demo.dirty = nan: input should be a finite number"),
        ("max_age_hours = 720.0", "max_age_hours = inf", "setting quality.max_age_hours = inf: input should be a"),
        ("partitions = 3", "partitions = true", "setting kafka.partitions = True: expected a number, not true"),
        ("dirty = 0.02", "dirty = false", "setting demo.dirty = False: expected a number, not true or false"),
        ("partitions = 3", "partitions = []", "setting kafka.partitions = []: input should be a valid integer"),
        ("ranks = [24, 48, 64]", "ranks = 24", "setting gold.als.ranks = 24: expected a list"),
        ("ranks = [24, 48, 64]", "ranks = [24, true]", "setting gold.als.ranks.1 = True: expected a number"),
        (
            "ranks = [24, 48, 64]",
            "ranks = []",
            "setting gold.als.ranks = []: expected a list with at least one item",
        ),
        ('"128m"', "128", "setting silver.max_bytes_per_trigger = 128: input should be a valid string"),
        ('users_topic = "producer1_topic"', 'users_topic = ""', "setting kafka.users_topic = ''"),
    ],
)
def test_a_wrong_key_is_named(conf: Path, old: str, new: str, fault: str) -> None:
    edit(conf, old, new)
    message = problem()
    for part in fault.split("; "):
        assert part in message
    assert str(conf / "lakehouse.toml") in message


def test_every_fault_is_reported_at_once(conf: Path) -> None:
    edit(conf, "rank = 16\n", "")
    edit(conf, "trend_days = 7", "trend_days = 0")
    message = problem()
    assert "missing setting gold.values.rank" in message
    assert "setting gold.popularity.trend_days = 0" in message


def test_a_file_that_is_no_toml_is_named_with_its_line(conf: Path) -> None:
    edit(conf, "partitions = 3", "partitions 3")
    assert problem().startswith(f"{conf / 'lakehouse.toml'} is not valid TOML: ")


@pytest.mark.parametrize(
    ("variable", "value", "section", "key", "expected"),
    [
        ("LAKEHOUSE_KAFKA__PARTITIONS", "7", "kafka", "partitions", 7),
        ("LAKEHOUSE_KAFKA__USERS_TOPIC", "users", "kafka", "users_topic", "users"),
        ("LAKEHOUSE_KAFKA__MORE_TOPICS", '["more"]', "kafka", "more_topics", ("more",)),
        ("LAKEHOUSE_SILVER__CLASIFICACIONES", '["R", "AA"]', "silver", "clasificaciones", ("R", "AA")),
        ("LAKEHOUSE_DEMO__DIRTY", "0.5", "demo", "dirty", 0.5),
    ],
)
def test_the_environment_wins(
    conf: Path,  # noqa: ARG001 - the fixture gives this test its own environment
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    section: str,
    key: str,
    expected: object,
) -> None:
    monkeypatch.setenv(variable, value)
    assert getattr(getattr(load_settings(), section), key) == expected


def test_a_variable_two_sections_deep_leaves_the_others_alone(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit(conf, "iterations = 10", "iterations = 11")
    monkeypatch.setenv("LAKEHOUSE_GOLD__VALUES__RANK", "3")
    values = load_settings().gold.values
    assert (values.rank, values.iterations) == (3, 11)


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("LAKEHOUSE_KAFKA__PARTITONS", "did you mean LAKEHOUSE_KAFKA__PARTITIONS?"),
        ("LAKEHOUSE_KAFKA_PARTITIONS", "did you mean LAKEHOUSE_KAFKA__PARTITIONS?"),
        ("LAKEHOUSE_ROT", "did you mean LAKEHOUSE_ROOT?"),
        ("LAKEHOUSE_GOLD__ALS", None),  # a section is not a setting
    ],
)
@pytest.mark.usefixtures("conf")
def test_an_unknown_variable_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, hint: str | None) -> None:
    monkeypatch.setenv(variable, "3")
    message = problem()
    assert message.startswith(f"unknown setting {variable} in the environment; ")
    assert hint is None or message.endswith(hint)


@pytest.mark.parametrize(
    ("variable", "value"),
    [("LAKEHOUSE_KAFKA__PARTITIONS", "many"), ("LAKEHOUSE_DEMO__SEED", ""), ("LAKEHOUSE_ROOT", "")],
)
@pytest.mark.usefixtures("conf")
def test_a_wrong_value_of_the_environment_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    key = variable.removeprefix("LAKEHOUSE_").replace("__", ".").lower()
    assert f"setting {key} = {value!r}: " in problem()


@pytest.mark.parametrize(
    ("variable", "value", "example"),
    [
        ("LAKEHOUSE_SILVER__CLASIFICACIONES", "R, AA", '["R", "AA"]'),
        ("LAKEHOUSE_SILVER__CLASIFICACIONES", "G,PG", '["G", "PG"]'),
        ("LAKEHOUSE_SILVER__CLASIFICACIONES", "G", '["G"]'),
        ("LAKEHOUSE_SILVER__CLASIFICACIONES", "['G', 'PG']", '["G", "PG"]'),  # Python's quotes
        ("LAKEHOUSE_SILVER__CLASIFICACIONES", '["G",', '["G"]'),
        ("LAKEHOUSE_SILVER__CLASIFICACIONES", '"G"', '["G"]'),  # JSON, but not a list
        ("LAKEHOUSE_SILVER__CLASIFICACIONES", "", '["G", "PG"]'),
        ("LAKEHOUSE_SILVER__CLASIFICACIONES", "[" * 100_000, '["G", "PG"]'),  # deeper than Python's parser can go
        ("LAKEHOUSE_GOLD__ALS__RANKS", "24,48", "[24, 48]"),
        ("LAKEHOUSE_GOLD__ALS__RANKS", "24", "[24]"),
        ("LAKEHOUSE_QUALITY__MAY_BE_EMPTY", "silver.tombstones", '["silver.tombstones"]'),
        (
            "LAKEHOUSE_QUALITY__MAY_BE_NULL",
            "silver.users.a,silver.users.b",
            '["silver.users.a", "silver.users.b"]',
        ),
    ],
)
@pytest.mark.usefixtures("conf")
def test_a_list_in_the_environment_is_json_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, example: str
) -> None:
    monkeypatch.setenv(variable, value)
    key = variable.removeprefix("LAKEHOUSE_").replace("__", ".").lower()
    message = problem()
    assert message.startswith(f"setting {key} = {value[:10]!r}"[:-1])
    assert message.endswith(
        f": expected a JSON list in {variable}, such as {example}; write lists as JSON in the environment"
    )
    assert len(message) < 400


def test_the_todo_names_where_each_wrong_value_stands(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit(conf, "trend_days = 7", "trend_days = 0")
    (conf / "lakehouse.big.toml").write_text("[demo]\ndirty = 7\n")
    monkeypatch.setenv("LAKEHOUSE_ENV", "big")
    monkeypatch.setenv("LAKEHOUSE_SILVER__CLASIFICACIONES", '["G", ""]')
    message = problem()
    assert "setting silver.clasificaciones.1 = '': " in message
    file, overlay = conf / "lakehouse.toml", conf / "lakehouse.big.toml"
    assert message.endswith(f"; correct LAKEHOUSE_SILVER__CLASIFICACIONES and {file} and {overlay}")


@pytest.mark.usefixtures("conf")
def test_a_variable_counts_in_any_case_and_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("lakehouse_demo__seed", "7")
    assert load_settings().demo.seed == 7
    load_settings.cache_clear()
    monkeypatch.setenv("LAKEHOUSE_DEMO__SEED", "8")
    assert problem() == ("LAKEHOUSE_DEMO__SEED and lakehouse_demo__seed are the same setting; keep one of them")


@pytest.mark.parametrize("name", ["a/b", " ", "a\nb"])
@pytest.mark.usefixtures("conf")
def test_an_overlay_has_a_plain_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("LAKEHOUSE_ENV", name)
    assert problem().startswith(f"LAKEHOUSE_ENV = {name!r} is not the name of a settings file; ")


def test_a_quoted_name_with_a_dot_is_no_section(conf: Path) -> None:
    edit(conf, 'root = "./data/lakehouse"', 'root = "./data/lakehouse"\n"kafka.partitions" = 9')
    assert "unknown setting kafka.partitions" in problem()


def test_an_overlay_changes_what_it_names_and_the_environment_still_wins(
    conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (conf / "lakehouse.big.toml").write_text("[kafka]\npartitions = 12\nreplication_factor = 3\n")
    monkeypatch.setenv("LAKEHOUSE_ENV", "big")
    monkeypatch.setenv("LAKEHOUSE_KAFKA__REPLICATION_FACTOR", "2")
    kafka = load_settings().kafka
    assert (kafka.partitions, kafka.replication_factor, kafka.users_topic) == (12, 2, "producer1_topic")


def test_an_unknown_key_of_an_overlay_is_named(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (conf / "lakehouse.big.toml").write_text("[kafka]\npartitons = 12\n")
    monkeypatch.setenv("LAKEHOUSE_ENV", "big")
    message = problem()
    assert "unknown setting kafka.partitons" in message
    assert "lakehouse.big.toml" in message


@pytest.mark.parametrize("value", ["5", "true", '"x"', "[]", "[[]]"])
@pytest.mark.parametrize("key", ["kafka", "gold.als"])
def test_a_value_in_the_place_of_a_section_is_named(
    conf: Path, monkeypatch: pytest.MonkeyPatch, key: str, value: str
) -> None:
    """Whatever is laid over it does not hide it behind a list of missing settings."""
    overlay = conf / "lakehouse.big.toml"
    overlay.write_text(f"{key} = {value}\n")
    monkeypatch.setenv("LAKEHOUSE_ENV", "big")
    monkeypatch.setenv("LAKEHOUSE_KAFKA__PARTITIONS", "3")
    monkeypatch.setenv("LAKEHOUSE_GOLD__ALS__SEED", "3")
    assert problem() == f"{key} is a section of settings, not a setting; correct {overlay}"


def test_a_section_over_a_value_does_not_hide_it(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, overlay = conf / "lakehouse.toml", conf / "lakehouse.big.toml"
    text = file.read_text(encoding="utf-8")
    section = text[text.index("[export]") :].split("\n[")[0]
    file.write_text("export = 5\n" + text.replace(section, ""), encoding="utf-8")
    overlay.write_text('[export]\nformulas = "keep"\n')
    monkeypatch.setenv("LAKEHOUSE_ENV", "big")
    assert problem() == f"export is a section of settings, not a setting; correct {file}"


def test_a_section_in_the_place_of_a_setting_is_named(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (conf / "lakehouse.big.toml").write_text("[root]\nfolder = 'x'\n")
    monkeypatch.setenv("LAKEHOUSE_ENV", "big")
    assert problem().startswith("setting root: input should be a valid string; ")


def test_an_overlay_that_is_not_there_is_named(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_ENV", "nowhere")
    assert problem() == (f"no settings file {conf / 'lakehouse.nowhere.toml'}; create it or change LAKEHOUSE_ENV")


def test_a_folder_without_settings_is_named(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_CONF", str(conf / "empty"))
    assert (
        problem() == f"LAKEHOUSE_CONF = '{conf / 'empty'}' contains no lakehouse.toml; point it at a conf/ folder"
    )


def test_code_in_an_archive_has_no_settings(conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on the driver of a cluster that got the code with --py-files."""
    archive = tmp_path / "lakehouse.zip"
    archive.write_bytes(b"PK")
    monkeypatch.setattr(settings_module, "__file__", f"{archive}/lakehouse/settings.py")
    monkeypatch.delenv("LAKEHOUSE_CONF")
    monkeypatch.chdir(tmp_path)
    assert problem() == (
        f"no lakehouse.toml in {tmp_path}/conf, nor in {archive}/conf; point LAKEHOUSE_CONF at a conf/ folder"
    )
    monkeypatch.setenv("LAKEHOUSE_CONF", str(conf))
    assert load_settings().kafka.partitions == 3


@pytest.mark.usefixtures("conf")
def test_settings_are_frozen() -> None:
    settings = load_settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.root = "elsewhere"  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        settings.kafka.partitions = 4  # type: ignore[misc]


@pytest.mark.parametrize("root", ["s3a://bucket/lake/", "abfss://c@a.dfs.core.windows.net/x"])
@pytest.mark.usefixtures("conf")
def test_an_object_store_root_stays_as_it_is_written(monkeypatch: pytest.MonkeyPatch, root: str) -> None:
    monkeypatch.setenv("LAKEHOUSE_ROOT", root)
    settings = load_settings()
    assert settings.root == root.rstrip("/")
    assert settings.shared_ops == f"{settings.root}/ops"


@pytest.mark.usefixtures("conf")
def test_a_machine_has_its_own_logs_of_each_root_in_a_store(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    folders = set()
    for root in ("s3a://bucket/lake", "s3a://bucket/lake2", "hdfs://name:8020/lake"):
        load_settings.cache_clear()
        monkeypatch.setenv("LAKEHOUSE_ROOT", root)
        settings = load_settings()
        folders.add(settings.ops_dir)
    assert {folder.parent for folder in folders} == {tmp_path / "lakehouse"}
    assert len(folders) == 3
    assert settings.shared_ops == str(settings.ops_dir)  # nothing locks in hdfs


@pytest.mark.usefixtures("conf")
def test_the_logs_of_a_machine_may_have_a_folder_of_their_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LAKEHOUSE_ROOT", str(tmp_path / "lake"))
    monkeypatch.setenv("LAKEHOUSE_OPS_FOLDER", str(tmp_path / "logs"))
    settings = load_settings()
    assert settings.ops_dir == tmp_path / "logs"
    assert settings.shared_ops == str(tmp_path / "lake" / "ops")  # whoever starts it finds the same locks


@pytest.mark.usefixtures("conf")
def test_a_local_root_becomes_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_ROOT", "some/../where")
    settings = load_settings()
    assert settings.root == str(Path.cwd() / "where")
    assert settings.ops_dir == Path(settings.root) / "ops"


def test_a_root_is_judged_by_the_folder_that_it_leads_to(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (conf / "back\\slash").mkdir()
    (conf / "link").symlink_to(conf / "back\\slash")
    for folder, root in ((conf, "link"), (conf / "back\\slash", "lakehouse")):
        monkeypatch.chdir(folder)
        monkeypatch.setenv("LAKEHOUSE_ROOT", root)
        assert problem().startswith(f"setting root = '{root}': expected a folder without a backslash")
        load_settings.cache_clear()


@pytest.mark.usefixtures("conf")
def test_settings_are_read_once() -> None:
    assert load_settings() is load_settings()
