"""The options of the JVM that runs Spark: what suits a command best, unless its user has chosen otherwise."""

import os
import re
from pathlib import Path

import pyspark

from lakehouse.jvm.class_archive import sharing_options
from lakehouse.jvm.java import Java, environment_options
from lakehouse.spark.defaults import defaults_file, spark_defaults

# Spark starts a driver's JVM with the options of the first, then those of the second.
DEFAULT_OPTIONS, EXTRA_OPTIONS = "spark.driver.defaultJavaOptions", "spark.driver.extraJavaOptions"

# A command runs for a minute or two; in that time the JVM's second compiler costs more than it saves: without it
# a session starts in 8.9 s, not 13.3, and reads its first Delta table in 5.7 s, not 11.0 (two busy cores).
# Its code cache, then only 48 MB by default, is full after 30 s of a demo; 240 MB is the JVM's usual default.
# spark-submit, which also runs streams for weeks, keeps the JVM's own settings, and `up` has both compilers: at
# 1,350 records per second, a record reached silver after 20.5 s with the first alone, 12.8 s with both (medians
# of 3 minutes).
_BRIEF_JVM = ("-XX:TieredStopAtLevel=1", "-XX:ReservedCodeCacheSize=240m")
# The default collector's cost on every reference write is a quarter of silver's first micro-batch: 9.3 s of CPU
# with this one, 12.7 s with G1. A JVM that is given two collectors does not start.
_COLLECTOR = "-XX:+UseSerialGC"


def fast_jvm(java: Java, *, lasting: bool = False) -> list[str]:
    """The options of a JVM that runs Spark for a minute or two, or longer (`lasting`), with archived classes."""
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
