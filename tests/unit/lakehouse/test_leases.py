"""Locks in an object store: here obstore's own store in memory, whose puts can be conditional as in S3."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import NoReturn

import pytest
from obstore import delete, get, put
from obstore.store import MemoryStore

from lakehouse import leases, locks
from lakehouse.errors import MachineError
from lakehouse.leases import HeldError, Holder, LeaseLostError, fence_file, leased, require_leases
from lakehouse.locks import RunningError, only_run, waiting_for
from tests.support.processes import await_condition

KEY = "silver.lock"
ADDRESS = "s3a://bucket/lake/ops"
FOREVER = 4e9


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the clock, for this process and all holders."""
    return lambda seconds: monkeypatch.setattr(leases.time, "time", lambda: seconds)


def holder(**changes: object) -> Holder:
    """A process of another machine that renews its lease."""
    one = Holder("token", 4711, "host-a", "boot:pid:[1]/4711-99", since=1_700_000_000.5, until=FOREVER)
    return one._replace(**changes)


def held_by(store: MemoryStore, found: Holder) -> None:
    put(store, KEY, json.dumps(found._asdict()).encode())


def written(store: MemoryStore) -> Holder:
    return Holder(**json.loads(bytes(get(store, KEY).bytes())))


def test_of_many_that_begin_at_once_one_holds_the_lease(store: MemoryStore) -> None:
    begun, ended = threading.Barrier(16), threading.Event()

    def take(_: int) -> bool:
        begun.wait()
        try:
            with leased(store, KEY):
                ended.wait()
                return True
        except HeldError:
            return False

    with ThreadPoolExecutor(16) as threads:
        takes = [threads.submit(take, number) for number in range(16)]
        next(as_completed(takes))  # one that did not get it: the holder waits for `ended`
        ended.set()
        assert sum(one.result() for one in takes) == 1


def test_a_lease_is_free_after_its_holder(store: MemoryStore) -> None:
    for _ in range(2):
        with leased(store, KEY), pytest.raises(HeldError), leased(store, KEY):
            pass
    assert written(store).until == 0


def test_a_lease_names_the_command_that_took_it(store: MemoryStore) -> None:
    with leased(store, KEY, by="lakehouse maintain"), pytest.raises(HeldError) as error, leased(store, KEY):
        pass
    assert error.value.holder.command == "lakehouse maintain"


@pytest.mark.parametrize("change", [{"command": None}, {"a later field": 1}])
def test_leases_of_other_versions_are_read(store: MemoryStore, change: dict[str, object]) -> None:
    """One from before `command`, and one with a field that comes later."""
    written_by_others = {
        name: value for name, value in {**holder()._asdict(), **change}.items() if value is not None
    }
    put(store, KEY, json.dumps(written_by_others).encode())
    with pytest.raises(HeldError) as error, leased(store, KEY):
        pass
    assert error.value.holder == holder()


@pytest.mark.parametrize(
    ("found", "is_free"),
    [
        (holder(), False),
        (holder(until=1.0), True),
        (holder(identity="", until=FOREVER), False),  # of a machine that says nothing about its processes
    ],
)
def test_the_lease_of_another_machine_runs_out(store: MemoryStore, found: Holder, is_free: bool) -> None:
    held_by(store, found)
    if is_free:
        with leased(store, KEY):
            assert written(store).pid == os.getpid()
    else:
        with pytest.raises(HeldError) as error, leased(store, KEY):
            pass
        assert error.value.holder == found


def test_a_killed_process_of_this_machine_leaves_its_lease_at_once(store: MemoryStore) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        held_by(store, holder(pid=process.pid, identity=leases._identity(process.pid)))
        with pytest.raises(HeldError), leased(store, KEY):
            pass
        process.kill()
    with leased(store, KEY):
        pass


def test_a_later_process_with_the_same_id_is_another_one(store: MemoryStore) -> None:
    held_by(store, holder(pid=os.getpid(), identity=f"{leases._identity(os.getpid())}0"))
    with leased(store, KEY):
        assert written(store).identity == leases._identity(os.getpid())


def test_a_holder_renews_its_lease(store: MemoryStore) -> None:
    with leased(store, KEY, term=0.3):
        first = written(store)
        await_condition(lambda: written(store).until > first.until + 0.3, "two terms")
        require_leases()
        with pytest.raises(HeldError), leased(store, KEY):
            pass


def test_a_holder_whose_lease_was_taken_writes_nothing_more(store: MemoryStore) -> None:
    lost = pytest.raises(LeaseLostError, match=r"the lease silver.lock could not be renewed")
    with lost, leased(store, KEY, term=0.3):
        held_by(store, holder())
        await_condition(lambda: int(fence_file().read_text()) < leases.time.time() * 1000, "the deadline")
    assert written(store) == holder()  # it is not given back: it is another's
    require_leases()


def test_commits_end_before_another_may_begin(store: MemoryStore, now: Callable[[float], None]) -> None:
    now(1000.0)
    with leased(store, KEY):
        assert written(store).until == 1060
        assert fence_file().read_text() == "1040000"
    assert int(fence_file().read_text()) > 1e12


def test_an_answer_that_was_lost_is_no_loss_of_the_lease(store: MemoryStore) -> None:
    """The client repeats a put whose answer it did not get, and meets its own object."""
    lease = leases._Lease(store, KEY, 60.0)
    lease.take()
    lease._tag = "the tag before the put whose answer was lost"
    lease._put(lease._tag)
    assert written(store).token == lease._token
    lease.release()
    assert written(store).until == 0


def test_a_lease_that_was_let_go_while_the_store_was_away_is_taken_again(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream that lost its store starts again in the same process, before its old lease has run out."""

    def no_answer(*_: object, **__: object) -> NoReturn:
        raise OSError("no answer")

    with monkeypatch.context() as away, leased(store, KEY):
        before = written(store)
        away.setattr(leases, "put", no_answer)
    assert written(store) == before  # the store has not heard of it
    with leased(store, KEY):
        assert written(store).token != before.token
        with pytest.raises(HeldError), leased(store, KEY):
            pass


def test_a_deleted_lease_is_lost(store: MemoryStore) -> None:
    lease = leases._Lease(store, KEY, 60.0)
    lease.take()
    delete(store, KEY)
    with pytest.raises(leases.PreconditionError):
        lease._put(lease._tag)
    lease.release()


def test_a_store_without_conditional_puts_is_refused(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "put", lambda *given, mode: put(*given))  # noqa: ARG005
    with pytest.raises(MachineError, match="ignores If-None-Match"), leased(store, KEY):
        pass
    require_leases()


@pytest.fixture
def address(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(locks, "object_store", lambda address: {ADDRESS: store}[address])
    return ADDRESS


def test_a_second_run_is_refused_in_one_line(store: MemoryStore, address: str) -> None:
    held_by(store, holder(until=2e9))
    with pytest.raises(RunningError) as error, only_run(address, "silver"):
        pass
    assert str(error.value) == (
        "silver is already running, in process 4711 on host-a since 2023-11-14T22:13:20.500Z, with a lease until "
        "2033-05-18T03:33:20.000Z; wait for its end, or stop that process; if its machine is gone, start again "
        "after that time"
    )


def test_a_run_that_fails_gives_its_lock_back(address: str) -> None:
    with pytest.raises(ZeroDivisionError), only_run(address, "silver"):
        _ = 1 / 0
    with only_run(address, "silver"), only_run(address, "bronze"):
        pass


def test_a_short_lock_is_waited_for(address: str) -> None:
    order = []
    with ThreadPoolExecutor(1) as thread:
        with waiting_for(address, "sent"):
            second = thread.submit(lambda: [order.append("second") for _ in [0] if _enter(address)])
            order.append("first")
        second.result()
    assert order == ["first", "second"]


def _enter(address: str) -> bool:
    with waiting_for(address, "sent"):
        return True
