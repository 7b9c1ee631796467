"""The options of the JVM that runs Spark: what serves a command best, where its user has not chosen otherwise."""

import os
import re
from pathlib import Path

import pyspark

from lakehouse.jvm.class_archive import sharing_options
from lakehouse.jvm.java import Java, environment_options
from lakehouse.spark.defaults import defaults_file, spark_defaults

# Spark starts a driver's JVM with those of the first, then with those of the second.
DEFAULT_OPTIONS, EXTRA_OPTIONS = "spark.driver.defaultJavaOptions", "spark.driver.extraJavaOptions"

# A command lives for a minute or two, in which the JVM's second compiler costs more than it brings: without it
# a session starts in 8.9 s, not 13.3, and reads its first Delta table in 5.7 s, not 11.0 (two busy cores).
# Its code cache, then only 48 MB by default, is full after 30 s of a demo; 240 MB is the JVM's usual default.
# spark-submit, which also runs streams for weeks, keeps the JVM's own settings, and `up` has both compilers: of
# 1,350 records per second one took 20.5 s to silver with the first alone, 12.8 s with both (medians of 3 minutes).
_BRIEF_JVM = ("-XX:TieredStopAtLevel=1", "-XX:ReservedCodeCacheSize=240m")
# What the default collector adds to every write of a reference is a quarter of a first micro-batch of silver:
# 9.3 s of CPU with this one, 12.7 s with G1. A JVM with two collectors does not start.
_COLLECTOR = "-XX:+UseSerialGC"


def fast_jvm(java: Java, *, lasting: bool = False) -> list[str]:
    """The options of a JVM that runs this Spark for a minute or two, or `lasting`, with its classes archived."""
    jars = [Path(pyspark.__file__).parent / "jars"]
    return [*plain_jvm(lasting=lasting), *sharing_options(java, "spark", jars, chosen=_chosen())]


def plain_jvm(*, lasting: bool) -> list[str]:
    """The same without an archive."""
    collector = [] if re.search(r"-XX:\+Use\w+GC\b", _chosen()) else [_COLLECTOR]
    return [*([] if lasting else _BRIEF_JVM), *collector]


def _chosen() -> str:
    """The options that the user has chosen, in the environment and in Spark's settings."""
    settings = spark_defaults(defaults_file())
    mentioned = [settings.get(name, "") for name in (DEFAULT_OPTIONS, EXTRA_OPTIONS)]
    return " ".join([environment_options(), os.environ.get("SPARK_SUBMIT_OPTS", ""), *mentioned])
