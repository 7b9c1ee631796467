"""The engine's thread: what it starts, cancels, reports and closes."""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

import pytest

from lakehouse.errors import InputError, MachineError
from operations.shell.queries import CancelledError
from operations.shell.results import QueryResult
from operations.shell.worker import QueryWorker
from tests.support.shell_engine import SlowEngine

PATIENCE = 30


def started(worker: QueryWorker, statement: str, *, limit: int = 1) -> "Future[QueryResult]":
    result: Future[QueryResult] = Future()
    worker.run(statement, limit=limit, result=result)
    return result


@pytest.fixture
def engine() -> SlowEngine:
    engine = SlowEngine()
    engine.may_start.set()
    return engine


def test_statements_run_one_after_the_other_also_after_a_wrong_one(engine: SlowEngine) -> None:
    with QueryWorker(engine.opened) as worker:
        wrong, right = started(worker, "wrong"), started(worker, "right", limit=7)
        assert right.result(PATIENCE) == QueryResult(["limit"], [[7]], is_cut=False)
        with pytest.raises(InputError):
            wrong.result()
        assert not worker.has_ended
    assert (engine.ran, engine.is_closed) == (["wrong", "right"], True)


def test_a_statement_that_starts_more_jobs_is_cancelled_until_it_ends() -> None:
    engine = SlowEngine(patience=3)
    engine.may_start.set()
    with QueryWorker(engine.opened) as worker:
        running = started(worker, "long")
        assert engine.is_running.wait(PATIENCE)
        worker.cancel(running)
        with pytest.raises(CancelledError):
            running.result(0)
        assert engine.cancels == 3
        assert started(worker, "right").result(PATIENCE).rows == [[1]]


def test_what_ends_the_engine_is_reported_by_its_statement(engine: SlowEngine) -> None:
    """After the engine's own end, which may know better what happened."""

    @contextmanager
    def explained() -> Iterator[SlowEngine]:
        try:
            with engine.opened() as opened:
                yield opened
        except ConnectionResetError as error:
            raise MachineError("Spark's JVM has ended") from error

    def use() -> None:
        with QueryWorker(explained) as worker:
            running = started(worker, "dies")
            assert isinstance(running.exception(PATIENCE), MachineError)
            assert worker.has_ended
            running.result()

    with pytest.raises(MachineError):
        use()


def test_an_engine_that_cannot_start_is_reported(engine: SlowEngine) -> None:
    @contextmanager
    def failing() -> Iterator[SlowEngine]:
        with engine.opened():
            raise MachineError("no Java")
        yield engine

    def use() -> None:
        with QueryWorker(failing) as worker:
            started(worker, "SELECT 1")

    with pytest.raises(MachineError, match="no Java"):
        use()


def test_a_failure_at_the_end_is_reported(engine: SlowEngine) -> None:
    @contextmanager
    def failing() -> Iterator[SlowEngine]:
        yield engine
        raise MachineError("Spark's JVM has ended")

    with pytest.raises(MachineError), QueryWorker(failing) as worker:
        started(worker, "SELECT 1").result(PATIENCE)


def test_an_abandoned_statement_is_not_waited_for() -> None:
    engine = SlowEngine(patience=1_000_000)
    engine.may_start.set()

    def use() -> None:
        with QueryWorker(engine.opened) as worker:
            started(worker, "long")
            assert engine.is_running.wait(PATIENCE)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        use()
    assert not engine.is_closed


def test_a_statement_that_was_never_started_is_cancelled_at_once() -> None:
    engine = SlowEngine()
    with QueryWorker(engine.opened) as worker:
        result: Future[QueryResult] = Future()
        worker.cancel(result)
        engine.may_start.set()
        worker.run("cancelled", limit=1, result=result)
        assert started(worker, "right").result(PATIENCE).rows == [[1]]
    assert engine.ran == ["right"]
