"""SIGTERM and Ctrl-C under spark-submit, whose JVM would end at once and take the running job with it."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.java_gateway import ensure_callback_server_started
from pyspark.sql import SparkSession


class _Forward:
    """Gives a signal of the JVM to this process, which knows how to end in order."""

    class Java:
        implements = ("sun.misc.SignalHandler",)

    def __init__(self, number: signal.Signals) -> None:
        self._number = number

    def handle(self, _: object) -> None:
        os.kill(os.getpid(), self._number)


@contextmanager
def jvm_signals_forwarded(spark: SparkSession) -> Iterator[None]:
    """Let SIGTERM and SIGINT that the JVM gets come to this process instead, for as long as the context lasts.

    spark-submit's process is the JVM: `docker stop` and service managers send SIGTERM to it alone. Where Python
    has started the JVM, nothing is to be done.
    """
    if "PYSPARK_GATEWAY_PORT" not in os.environ:
        yield
        return
    context = spark.sparkContext
    ensure_callback_server_started(context._gateway)  # type: ignore[no-untyped-call]
    signals = context._jvm.sun.misc.Signal  # type: ignore[union-attr]
    before = {
        number: signals.handle(signals(number.name.removeprefix("SIG")), _Forward(number))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signals.handle(signals(number.name.removeprefix("SIG")), handler)
