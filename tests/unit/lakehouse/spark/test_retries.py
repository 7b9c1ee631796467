"""A stream that lost its broker or its store is started again, within bounds."""

import os
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest
from deltalake.exceptions import DeltaError

from lakehouse.errors import BrokerError, LakehouseError, NoBrokerError, NoStoreError
from lakehouse.kafka.connection import AdvertisedError
from lakehouse.locks import RunningError, only_run
from lakehouse.spark import retries
from lakehouse.spark.retries import Patience, retried
from lakehouse.spark.streams import StreamError, stream_error

LOST = StreamError("stream silver stopped: no answer", lost=True)
BROKEN = StreamError("stream silver stopped: disk full")
MAINTAINED = RunningError("bronze is being changed by x", todo="wait", command="x")
RUNNING = RunningError("bronze is already running", todo="wait")
NO_BROKER = NoBrokerError("no Kafka broker at 127.0.0.1:1")
ADVERTISED = AdvertisedError("the Kafka broker at a:1 answers, but sends clients to b:2")
NO_STORE = NoStoreError("the store does not answer: error sending request")
PYARROW = "When reading information for key"
REFUSED = BrokerError("the Kafka broker at 127.0.0.1:1 refuses the login of 'me'")


def pauses(*errors: LakehouseError, seconds: float, ran: float = 0.0, resumes: bool = False) -> list[float | None]:
    """The waits after these failures, each of a stream that ran for so long."""
    patience, now, found = Patience(seconds, resumes=resumes), 0.0, []
    for error in errors:
        now += ran
        pause = patience.pause(error, began=now - ran, now=now)
        found.append(pause)
        now += pause or 0.0
    return found


@pytest.mark.parametrize(
    ("errors", "seconds", "expected"),
    [
        ([LOST] * 8, 600.0, [1, 2, 4, 8, 16, 32, 60, 60]),
        # 1 + 2 + 4 s are over, and 8 more would be too many
        ([LOST] * 4, 10.0, [1, 2, 4, None]),
        ([LOST], 0.0, [None]),
        ([BROKEN], 600.0, [None]),
        ([LOST, BROKEN], 600.0, [1, None]),
        # the stream had its broker; at the first start the address may be wrong
        ([LOST, NO_BROKER, NO_BROKER], 600.0, [1, 2, 4]),
        ([NO_BROKER], 600.0, [None]),
        # a command will let its lock go, another stream will not
        ([MAINTAINED] * 5, 600.0, [1, 2, 4, 5, 5]),
        ([MAINTAINED, RUNNING], 600.0, [1, None]),
        ([MAINTAINED], 0.0, [None]),
        # what comes after is another wait, and no reason to know the broker
        ([*[MAINTAINED] * 5, LOST, LOST], 600.0, [1, 2, 4, 5, 5, 1, 2]),
        ([MAINTAINED, NO_BROKER], 600.0, [1, None]),
        # of several brokers, one has not come back yet
        ([LOST, ADVERTISED], 600.0, [1, 2]),
        ([ADVERTISED], 600.0, [None]),
        # after a loss, each start reads the store
        ([LOST, NO_STORE, NO_STORE], 600.0, [1, 2, 4]),
        ([NO_STORE], 600.0, [None]),
        # waiting longer would change nothing
        ([LOST, REFUSED], 600.0, [1, None]),
        ([RUNNING], 600.0, [None]),
    ],
)
def test_waits_grow_and_end(errors: list[LakehouseError], seconds: float, expected: list[float | None]) -> None:
    assert pauses(*errors, seconds=seconds) == expected


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ([NO_BROKER, NO_BROKER, LOST], [1, 2, 4]),
        ([REFUSED], [None]),
        ([BROKEN], [None]),
        ([RUNNING], [None]),
    ],
)
def test_a_stream_that_has_run_before_waits_for_its_broker(
    errors: list[LakehouseError], expected: list[float | None]
) -> None:
    """For example after the machine has started again: its address was right once."""
    assert pauses(*errors, seconds=600.0, resumes=True) == expected


def test_a_try_that_takes_longer_than_all_waits_is_no_recovery() -> None:
    """Each try for the broker takes 10.1 s."""
    assert pauses(LOST, NO_BROKER, NO_BROKER, seconds=10.0, ran=10.1, resumes=True) == [1, None, None]


def test_a_stream_that_has_run_for_long_has_recovered() -> None:
    assert pauses(*[LOST] * 4, seconds=10.0, ran=11.0) == [1, 1, 1, 1]


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """What the starts of a stream end with, in order; without one left it ends well."""
    monkeypatch.setattr(retries, "_FIRST_PAUSE_SECONDS", 0.001)
    return []


def starting(outcomes: list[Exception]) -> None:
    if outcomes:
        raise outcomes.pop(0)


def test_what_a_start_meets_in_a_lost_store_is_waited_for(
    outcomes: list[Exception], capsys: pytest.CaptureFixture[str]
) -> None:
    """The errors of delta-rs and pyarrow are not this project's own."""
    sending = "Generic S3 error: Error performing GET http://127.0.0.1:1/b, HTTP error: error sending request"
    outcomes += [LOST, DeltaError(sending), OSError(f"{PYARROW}: AWS Error NETWORK_CONNECTION, curlCode: 7")]
    retried(lambda: starting(outcomes), for_seconds=60.0)
    assert [line.split("; ")[-2:] for line in capsys.readouterr().err.splitlines()[1:]] == [
        [f"lakehouse: the store does not answer: {sending}", "trying again in 0.002 s"],
        [
            f"lakehouse: the store does not answer: {PYARROW}: AWS Error NETWORK_CONNECTION, curlCode: 7",
            "trying again in 0.004 s",
        ],
    ]


def test_another_failure_of_a_start_is_raised_at_once(outcomes: list[Exception]) -> None:
    outcomes += [LOST, OSError("disk full")]
    with pytest.raises(OSError, match="disk full"):
        retried(lambda: starting(outcomes), for_seconds=60.0)


def test_each_try_is_one_line(outcomes: list[Exception], capsys: pytest.CaptureFixture[str]) -> None:
    outcomes += [LOST, NO_BROKER]
    retried(lambda: starting(outcomes), for_seconds=60.0)
    assert capsys.readouterr().err.splitlines() == [
        "lakehouse: stream silver stopped: no answer; trying again in 0.001 s",
        "lakehouse: no Kafka broker at 127.0.0.1:1; trying again in 0.002 s",
    ]


@pytest.mark.usefixtures("outcomes")
def test_a_stream_waits_for_the_command_that_holds_its_lock(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A real lock, which the command lets go while the stream waits for its next try."""
    command = ExitStack()
    command.enter_context(only_run(tmp_path, "bronze", by="lakehouse maintain"))

    def start() -> None:
        try:
            with only_run(tmp_path, "bronze"):
                pass
        finally:
            command.close()

    retried(start, for_seconds=60.0)
    line = "lakehouse: bronze is being changed by lakehouse maintain, in process {}; trying again in 0.001 s\n"
    assert capsys.readouterr().err == line.format(os.getpid())


def test_a_failure_that_stays_is_raised(outcomes: list[Exception]) -> None:
    outcomes += [LOST, BROKEN, LOST]
    with pytest.raises(StreamError) as error:
        retried(lambda: starting(outcomes), for_seconds=60.0)
    assert error.value is BROKEN
    assert outcomes == [LOST]


def test_a_stop_signal_ends_the_wait(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The signal arrives while it waits: the first look at the clock sends it."""
    monkeypatch.setattr(retries.time, "sleep", lambda _: os.kill(os.getpid(), signal.SIGTERM))
    starts = []

    def lose() -> None:
        starts.append(1)
        raise LOST

    retried(lose, for_seconds=60.0)
    assert starts == [1]
    assert "trying again in 1 s" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("org.apache.kafka.common.errors.TimeoutException: Timed out waiting for a node assignment", True),
        ("Caused by: java.net.ConnectException: Connection refused", True),
        ("software.amazon.awssdk.core.exception.SdkClientException: Unable to execute HTTP request", True),
        ("java.io.IOException: No space left on device", False),
        ("java.util.concurrent.TimeoutException: Futures timed out", False),
    ],
)
def test_what_counts_as_lost(text: str, lost: bool) -> None:
    assert stream_error("silver", Exception(text)).lost is lost


def test_the_error_names_the_batch() -> None:
    error = stream_error("silver", Exception("disk full"), batch="batch 3 (users-0 offsets 5 to 9)")
    assert error.problem == "stream silver stopped: disk full, in batch 3 (users-0 offsets 5 to 9)"


def test_executors_that_lack_the_code_are_a_matter_of_what_they_are_sent() -> None:
    traceback = "Traceback (most recent call last):\n  File x\nModuleNotFoundError: No module named 'silver'"
    error = stream_error("silver", Exception(f"[STREAM_FAILED] Job aborted\n{traceback}"))
    assert error.problem == "stream silver stopped: ModuleNotFoundError: No module named 'silver'"
    assert "make dist" in error.todo
