"""Spark's settings, parsed like java.util.Properties, as Spark does."""

from pathlib import Path

import pytest

from lakehouse.spark.defaults import defaults_file, plain_defaults, required_settings, spark_defaults, store_file


def test_settings_are_read_without_comments(tmp_path: Path) -> None:
    file = tmp_path / "spark-defaults.conf"
    file.write_text(
        "# note\n! too\n\nspark.a   1 2\nspark.b\tx\nspark.c=-Dx=y\nspark.d : 1\nspark.e one\\\n  two\n"
    )
    assert spark_defaults(file) == {
        "spark.a": "1 2",
        "spark.b": "x",
        "spark.c": "-Dx=y",
        "spark.d": "1",
        "spark.e": "onetwo",
    }


def test_no_file_has_no_settings(tmp_path: Path) -> None:
    assert spark_defaults(tmp_path / "absent") == {}


def test_a_spark_conf_dir_has_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, conf: Path) -> None:
    monkeypatch.delenv("SPARK_CONF_DIR", raising=False)
    assert defaults_file() == conf / "spark-defaults.conf"
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path / "other"))
    assert defaults_file() == tmp_path / "other" / "spark-defaults.conf"


def test_the_settings_of_a_store_follow_those_of_every_session(tmp_path: Path) -> None:
    assert store_file("/data/lake") is None
    joined = plain_defaults(defaults_file(), tmp_path, added=store_file("s3a://bucket/lake"))
    found, every = spark_defaults(joined), spark_defaults(defaults_file())
    changed = {name for name, value in found.items() if every.get(name) != value}
    assert changed == {"spark.jars.packages", "spark.jars.excludes", "spark.delta.logStore.s3a.impl"}
    for name in ("spark.jars.packages", "spark.jars.excludes"):
        assert found[name].startswith(f"{every[name]},")  # the same versions of the same jars, and some more
    assert required_settings(store_file("s3a://bucket/lake")).items() <= found.items()
