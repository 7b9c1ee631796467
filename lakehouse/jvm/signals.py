"""SIGTERM and Ctrl-C under spark-submit, whose JVM would exit at once and take the running job with it."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from py4j.protocol import Py4JError, Py4JJavaError
from pyspark.java_gateway import ensure_callback_server_started
from pyspark.sql import SparkSession


class _Forward:
    """Passes a JVM signal on to this process, which can shut down cleanly."""

    class Java:
        implements = ("sun.misc.SignalHandler",)

    def __init__(self, number: signal.Signals, received: Callable[[], bool]) -> None:
        self._number, self._received = number, received

    def handle(self, _: object) -> None:
        if not self._received():  # a terminal and some service managers signal both processes
            os.kill(os.getpid(), self._number)


@contextmanager
def jvm_signals_forwarded(spark: SparkSession, *, received: Callable[[], bool]) -> Iterator[None]:
    """Forward SIGTERM and SIGINT from the JVM to this process, for as long as the context lasts.

    spark-submit's process is the JVM: `docker stop` sends SIGTERM to it alone. `received` says whether
    this process has already had a signal; then nothing more is forwarded. If Python started the JVM, there is
    nothing to do.
    """
    if "PYSPARK_GATEWAY_PORT" not in os.environ:
        yield
        return
    context = spark.sparkContext
    ensure_callback_server_started(context._gateway)  # type: ignore[no-untyped-call]
    signals = context._jvm.sun.misc.Signal  # type: ignore[union-attr]
    names = {number: number.name.removeprefix("SIG") for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        before = {
            name: signals.handle(signals(name), _Forward(number, received)) for number, name in names.items()
        }
    except Py4JJavaError:  # a JVM with -Xrs handles no signals
        before = {}
    try:
        yield
    finally:
        with suppress(Py4JError):  # the JVM is gone
            for name, handler in before.items():
                signals.handle(signals(name), handler)
