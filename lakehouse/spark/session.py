"""The Spark session of the jobs and of the `lakehouse` command."""

import logging
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from py4j.protocol import Py4JError, Py4JJavaError
from pyspark import SparkConf, SparkContext
from pyspark.logger import PySparkLogger
from pyspark.sql import SparkSession

from lakehouse.errors import MachineError, first_line
from lakehouse.jvm.class_archive import discard_archive
from lakehouse.jvm.java import Java, find_java, utf8_locale
from lakehouse.jvm.options import DEFAULT_OPTIONS, fast_jvm, plain_jvm
from lakehouse.leases import fence_file
from lakehouse.settings import conf_dir, load_settings
from lakehouse.spark.defaults import (
    DEFAULTS,
    defaults_file,
    plain_defaults,
    required_settings,
    spark_defaults,
    store_file,
)
from lakehouse.spark.downloads import downloads_reported
from lakehouse.spark.environment import drop_empty_variables, require_fitting_environment, suspects
from lakehouse.spark.java_classes import add_classes
from lakehouse.stores import spark_options

# They print the stack trace of an exception that is also raised, and reported where it is caught.
_ERROR_LOGGERS = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")
# py4j logs a broken connection, with its stack trace, to the root logger, even when it only finalizes an object
# after the failure was reported.
_BROKEN_CONNECTION = "Exception while sending command."
# The connection to a JVM breaks shortly before its process ends.
_END_SECONDS = 10
# Where Spark creates folders for schemas, and Derby its log and tables: by default, the current folder.
_WAREHOUSE, _DERBY = "spark.sql.warehouse.dir", "derby.system.home"
# Spark's SQL substitutes environment variables for ${env:NAME}, even in a path, a text or an id.
_SUBSTITUTES = "spark.sql.variable.substitute"
# The exit code of a JVM that Spark stops because of an OutOfMemoryError (SparkExitCode.OOM).
_OUT_OF_MEMORY = 52


@contextmanager
def spark_session(name: str, *, log_file: Path | None = None, lasting: bool = False) -> Iterator[SparkSession]:
    """A session configured by conf/spark-defaults.conf, stopped at the end.

    `log_file` takes what the JVM would print, so that the terminal of the `lakehouse` command stays readable. The
    JVM of a `lasting` session compiles hot code a second time, which pays off after some minutes. Raises
    MachineError if Java or a jar is missing, if the session lacks a required setting, or if its JVM dies.
    """
    for logger in _ERROR_LOGGERS:
        PySparkLogger.getLogger(logger).disabled = True
    logging.getLogger().addFilter(_is_not_a_broken_connection)
    with tempfile.TemporaryDirectory(prefix="lakehouse-", ignore_cleanup_errors=True) as scratch:
        spark = _start(name, log_file, Path(scratch), lasting=lasting)
        yield from _used(spark, log_file)


def _used(spark: SparkSession, log_file: Path | None) -> Iterator[SparkSession]:
    jvm = spark.sparkContext._gateway.proc  # type: ignore[union-attr]
    memory = spark.conf.get("spark.driver.memory", "1g")
    try:
        try:
            _verify(spark)
            yield spark
        finally:
            if jvm is None or jvm.poll() is None:
                spark.stop()
    except Exception as error:
        _require_alive(jvm, f"spark.driver.memory = {memory}", error, log_file)
        raise


def _is_not_a_broken_connection(record: logging.LogRecord) -> bool:
    return record.msg != _BROKEN_CONNECTION


def _require_alive(
    jvm: subprocess.Popen[bytes] | None, memory: str, error: Exception, log_file: Path | None
) -> None:
    """Raise MachineError if the failure is due to the death of Spark's JVM. spark-submit's is not our child."""
    if jvm is None:
        return
    with suppress(subprocess.TimeoutExpired):
        jvm.wait(_END_SECONDS if is_lost_connection(error) else 0)
    if jvm.returncode is None:
        return
    where = _log_note(log_file)
    if jvm.returncode == _OUT_OF_MEMORY:
        raise MachineError(
            f"Spark's JVM ran out of memory and has ended, with {memory}{where}",
            todo=f"raise spark.driver.memory in {defaults_file()}; what was committed is safe",
        ) from error
    how = f"by signal {-jvm.returncode}" if jvm.returncode < 0 else f"with exit code {jvm.returncode}"
    why = " (if nobody sent it, the machine ran out of memory)" if jvm.returncode == -signal.SIGKILL else ""
    raise MachineError(
        f"Spark's JVM ended {how}{why}{where}", todo="what was committed is safe: start again"
    ) from error


def is_lost_connection(error: Exception) -> bool:
    """Whether the connection to the JVM failed. Errors from inside it, of files or of other pipes do not count."""
    if isinstance(error, Py4JJavaError):
        return False
    return isinstance(error, (ConnectionRefusedError, ConnectionResetError, Py4JError))


def _log_note(log_file: Path | None) -> str:
    return f"; its log is {log_file}" if log_file else ""


def _start(name: str, log_file: Path | None, scratch: Path, *, lasting: bool) -> SparkSession:
    drop_empty_variables()
    if "PYSPARK_GATEWAY_PORT" in os.environ:  # spark-submit has started the JVM, with its own arguments
        try:
            SparkContext._ensure_initialized()
        except (OSError, KeyError, ValueError, Py4JError) as error:
            raise MachineError(
                f"PYSPARK_GATEWAY_PORT is set, but spark-submit's JVM does not answer: {first_line(error)}",
                todo="unset PYSPARK_GATEWAY_PORT",
            ) from error
        return _session(name, scratch)
    require_fitting_environment()
    java = find_java()
    os.environ["JAVA_HOME"] = str(java.home)
    os.environ.update(utf8_locale())
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    options = _jvm_options(java, lasting=lasting)
    arguments = _submit_arguments(options, scratch, load_settings().root)
    # a log that cannot be written is not Spark's fault
    with _arguments_of_pyspark(arguments), _stderr_to(log_file):
        try:
            SparkContext._ensure_initialized()
            return _session(name, scratch)
        except Exception as error:
            discard_archive(options)
            given = suspects()
            why = f"; possible cause: {' and '.join(given)}" if given else ""
            raise MachineError(
                f"Spark did not start: {first_line(error)}{_log_note(log_file)}{why}",
                todo="run lakehouse doctor to see what is missing",
            ) from error


def _session(name: str, scratch: Path) -> SparkSession:
    """Create the session. Files meant for the current folder go to `scratch`, unless settings say where."""
    builder = SparkSession.builder.appName(name).config(_SUBSTITUTES, "false")
    settings = load_settings()
    for key, value in spark_options(settings.root).items():
        if not SparkConf().contains(key):
            builder = builder.config(key, value)
    if not SparkConf().contains(_WAREHOUSE):
        builder = builder.config(_WAREHOUSE, str(scratch / "warehouse"))
    jvm = SparkContext._jvm
    assert jvm is not None  # noqa: S101 - it has been started
    require_writable_root(jvm.java.lang.System.getProperty("sun.jnu.encoding"))
    if not jvm.java.lang.System.getProperty(_DERBY):
        jvm.java.lang.System.setProperty(_DERBY, str(scratch))
    jars = add_classes(jvm, settings.root, scratch, durable=settings.durable, fence=fence_file())
    spark = builder.getOrCreate()
    if not str(spark.sparkContext.master).startswith("local"):
        for jar in jars:
            spark.sparkContext._jsc.addJar(str(jar))
    return spark


def require_writable_root(encoding: str) -> None:
    """Raise MachineError if a JVM with this path encoding would write to another root than this Python."""
    root = load_settings().root
    if root.isascii() or encoding.upper() == "UTF-8":
        return
    raise MachineError(
        f"Spark's JVM encodes paths in {encoding}, which lacks characters of the root {root}",
        todo="set the environment variable LC_ALL=C.UTF-8",
    )


@contextmanager
def _arguments_of_pyspark(arguments: Sequence[str]) -> Iterator[None]:
    """Put the arguments where pyspark looks for them when it starts the JVM. Later processes do not inherit them.

    Arguments that the user has set stay.
    """
    name = "PYSPARK_SUBMIT_ARGS"
    if name in os.environ:
        yield
        return
    os.environ[name] = shlex.join(arguments)
    try:
        yield
    finally:
        del os.environ[name]


def _submit_arguments(options: Sequence[str], scratch: Path, root: str) -> list[str]:
    """The arguments for spark-submit: the project's settings, unless SPARK_CONF_DIR provides them.

    The JVM's own options come before those of the settings, which win.
    """
    file = defaults_file()
    plain = plain_defaults(file, scratch, added=store_file(root))
    settings = [] if "SPARK_CONF_DIR" in os.environ and plain == file else ["--properties-file", str(plain)]
    defaults = " ".join([*options, spark_defaults(defaults_file()).get(DEFAULT_OPTIONS, "")])
    return [*settings, "--conf", f"{DEFAULT_OPTIONS}={defaults.strip()}", "pyspark-shell"]


def _jvm_options(java: Java, *, lasting: bool) -> list[str]:
    """The JVM's options. A class path with a folder of files (SPARK_CONF_DIR, another Spark) rules out an archive.

    The settings' folder becomes SPARK_CONF_DIR if it has files for Spark besides its defaults.
    """
    folder = conf_dir()
    if not (folder / DEFAULTS).is_file() or any([*folder.glob("*.xml"), *folder.glob("log4j2*")]):
        os.environ.setdefault("SPARK_CONF_DIR", str(folder))
    if "SPARK_CONF_DIR" in os.environ or "SPARK_HOME" in os.environ:
        return plain_jvm(lasting=lasting)
    return fast_jvm(java, lasting=lasting)


@contextmanager
def _stderr_to(log_file: Path | None) -> Iterator[None]:
    """Point this process's stderr at the file while the JVM starts, because the JVM inherits it.

    Ivy's downloads are reported on the original stderr.
    """
    if log_file is None:
        yield
        return
    log_file.parent.mkdir(parents=True, exist_ok=True)
    sys.stderr.flush()
    terminal = os.dup(2)
    with log_file.open("ab") as log:
        os.dup2(log.fileno(), 2)
        try:
            with downloads_reported(log_file, terminal):
                yield
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


def _verify(spark: SparkSession) -> None:
    store = store_file(load_settings().root)
    files = f"conf/{DEFAULTS}" if store is None else f"conf/{DEFAULTS} and conf/{store.name}"
    for key, wanted in required_settings(store).items():
        value = spark.conf.get(key, "")
        if wanted not in (value or "").split(","):
            spark_defaults(defaults_file())  # reports it if that file cannot be read
            raise MachineError(
                f"this Spark session has {key} = {value!r} instead of {wanted}",
                todo=f"submit with the settings of {files}",
            )
