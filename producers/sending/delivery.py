"""Send records to Kafka and check each delivery: `publish` returns what the broker confirmed."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import count as count_up
from typing import NamedTuple

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from lakehouse.errors import CheckFailedError, first_line
from lakehouse.kafka.client import Cluster
from producers.sending.records import Record

# Limit on sent but unconfirmed records: kafka-python does not bound what it buffers.
_IN_FLIGHT = 20_000
_PROGRESS_EVERY = 1_000
# The longest time before a stop request is noticed.
_LOOK_UP_SECONDS = 0.1


class Delivery(NamedTuple):
    """The outcome of sending the records. `error` is the text of the first failure."""

    sent: int
    delivered: int
    failed: int
    seconds: float
    error: str = ""

    @property
    def rate(self) -> float:
        """Confirmed records per second."""
        return self.delivered / self.seconds if self.seconds > 0 else 0.0

    def line(self, name: str) -> str:
        return (
            f"{name}: {self.sent:,} sent, {self.delivered:,} delivered, {self.failed:,} failed, "
            f"{self.rate:,.0f} records/s"
        )

    def require_complete(self, name: str) -> None:
        """Raise CheckFailedError if a record was not delivered."""
        if self.failed:
            raise CheckFailedError(
                f"{self.failed:,} of {self.sent:,} {name} records were not delivered: {self.error}",
                todo="fix the cause and send again: repeated records change nothing in silver",
            )


class _Tally:
    """Counts the sender thread's results, and blocks the main thread while too many records are unconfirmed."""

    def __init__(self) -> None:
        self.sent = 0
        self.delivered = 0
        self.error = ""
        self._open = threading.BoundedSemaphore(_IN_FLIGHT)

    def admit(self) -> None:
        self._open.acquire()
        self.sent += 1

    def confirm(self, _: object) -> None:
        # only the sender thread updates this, so the count needs no lock
        self.delivered += 1
        self._open.release()

    def fail(self, error: BaseException) -> None:
        self.error = self.error or f"{type(error).__name__}: {first_line(error)}"
        self._open.release()


def never() -> bool:
    return False


def publish(
    records: Iterable[Record],
    *,
    topic: str,
    cluster: Cluster,
    rate: float | None = None,
    on_progress: Callable[[int], None] | None = None,
    stopped: Callable[[], bool] = never,
    abandoned: Callable[[], bool] = never,
    connect_timeout_seconds: float = 10.0,
) -> Delivery:
    """Send all records, or those until `stopped` returns true, and wait until each is confirmed or has failed.

    `rate` is in records per second; `on_progress` receives the number of records sent so far, now and then. Once
    `abandoned` returns true, unconfirmed records count as failed, instead of waiting for a broker that is gone.
    Raises BrokerError if no broker answers.
    """
    began = time.monotonic()
    tally = _Tally()
    producer = _producer(cluster, connect_timeout_seconds)
    try:
        for record in _paced(iter(records), rate, stopped):
            if not _send(producer, topic, record, tally):
                break
            if on_progress is not None and tally.sent % _PROGRESS_EVERY == 0:
                on_progress(tally.sent)
        _await_answers(producer, abandoned)
    finally:
        producer.close(timeout=5)
    if on_progress is not None:
        on_progress(tally.sent)
    failed = tally.sent - tally.delivered
    return Delivery(tally.sent, tally.delivered, failed, time.monotonic() - began, tally.error)


def _producer(cluster: Cluster, timeout_seconds: float) -> KafkaProducer:
    # on each attempt, its log repeats the exception's message
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    options = cluster.client_options()
    try:
        return KafkaProducer(
            bootstrap_timeout_ms=round(timeout_seconds * 1000),
            acks="all",
            enable_idempotence=True,
            compression_type="lz4",
            linger_ms=50,
            batch_size=128 * 1024,
            metrics_enabled=False,
            **options,
        )
    except KafkaError as error:
        raise cluster.connect_error(error, timeout_seconds) from error


def _send(producer: KafkaProducer, topic: str, record: Record, tally: _Tally) -> bool:
    """Send a record; returns whether to continue, as after success or a record that is too large."""
    tally.admit()
    at = record.timestamp_ms
    # a broker refuses Kafka timestamps in the future; silver compares the event time with the time of sending
    timestamp_ms = at if at is None or at <= time.time() * 1000 else None
    try:
        answer = producer.send(topic, value=record.value, key=record.key, timestamp_ms=timestamp_ms)
    except MessageSizeTooLargeError as error:
        tally.fail(error)
        return True
    except KafkaError as error:
        tally.fail(error)
        return False
    answer.add_callback(tally.confirm)
    answer.add_errback(tally.fail)
    return True


def _await_answers(producer: KafkaProducer, abandoned: Callable[[], bool]) -> None:
    while True:
        try:
            producer.flush(timeout=_LOOK_UP_SECONDS)
            return
        except KafkaTimeoutError:
            if abandoned():
                # kafka-python's own close waits first, and raises if records are unconfirmed
                producer._sender.force_close()
                producer.flush()
                return


def _paced(records: Iterator[Record], rate: float | None, stopped: Callable[[], bool]) -> Iterator[Record]:
    """The records, each no earlier than its place in the schedule, so that one delay does not add up."""
    began = time.monotonic()
    for index in count_up():
        while rate is not None and not stopped():
            wait = began + index / rate - time.monotonic()
            if wait <= 0:
                break
            time.sleep(min(wait, _LOOK_UP_SECONDS))
        if stopped():
            return
        record = next(records, None)
        if record is None:
            return
        yield record
