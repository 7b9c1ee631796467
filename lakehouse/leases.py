"""Leases: locks in an object store between processes of any machines, which run out unless they are renewed.

A lease is an object that is only ever written by a conditional put: created if there is none, replaced if it is
still the one that was read. A holder that could not renew its lease in time writes nothing more: its commits are
refused from `_MARGIN` before anybody else may take the lease (docs/decisions/0017-stores.md).
"""

import json
import os
import secrets
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from obstore import get, put
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

from lakehouse.atomic_write import atomic_write
from lakehouse.errors import LakehouseError, MachineError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

# A lease that nobody renews for so long is anybody's. Long enough for a store that does not answer for a while.
TERM_SECONDS = 60.0
# The holder's commits stop so long before: a commit under way ends in it, and clocks may differ by it.
_MARGIN = 1 / 3
_RENEWED_EVERY = 1 / 6
_POLL_SECONDS = 0.2
_PROC = Path("/proc")
# When the commits of this process stop, by lease, in seconds since 1970.
_deadlines: dict[str, float] = {}
_changing = threading.Lock()
# The tokens of leases that this process let go while the store did not answer: the store still has them as held.
_let_go: set[str] = set()


class Holder(NamedTuple):
    """Who holds a lease, in seconds since 1970. Its `identity` shows this machine whether it still runs.

    `command` is the command that took it, if that is not the job that the lease is named after.
    """

    token: str
    pid: int
    host: str
    identity: str
    since: float
    until: float
    command: str = ""

    def has_ended(self) -> bool:
        """Whether the lease is free: it ran out, or its process ended, as far as this machine can see that."""
        return time.time() > self.until or self._is_dead()

    def _is_dead(self) -> bool:
        here = _identity(self.pid)
        return self.identity.rpartition("/")[0] == _machine() != "" and here != self.identity


class HeldError(Exception):
    """Another process holds the lease."""

    def __init__(self, holder: Holder) -> None:
        super().__init__(holder)
        self.holder = holder


class LeaseLostError(LakehouseError):
    """This process could not renew a lease in time, so that another one may have taken it."""


@contextmanager
def leased(
    store: "ObjectStore", key: str, *, by: str = "", wait: bool = False, term: float = TERM_SECONDS
) -> Iterator[None]:
    """Hold the lease at this key alone. If another process holds it: `wait`, or raise HeldError at once.

    `by` is the command that it is for. Raises LeaseLostError at the end if the lease was lost on the way.
    """
    lease = _Lease(store, key, term, by)
    lease.await_free() if wait else lease.take()
    try:
        with lease.renewed():
            yield
            require_leases()
    finally:
        lease.release()


def require_leases() -> None:
    """Raise LeaseLostError if a lease of this process has run out: then it must not write."""
    for key, deadline in list(_deadlines.items()):
        if time.time() > deadline:
            raise LeaseLostError(
                f"the lease {key} could not be renewed in time, and another process may have taken it",
                todo="nothing more was written; start again",
            )


def fence_file() -> Path:
    """The file that tells other programs of this process, such as Spark's JVM, until when they may commit.

    It holds milliseconds since 1970, and is gone once this process has ended.
    """
    file = Path(_fence_folder().name) / "until"
    with _changing:
        if not file.exists():
            _write_fence(file)
    return file


@cache
def _fence_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="lakehouse-fence-", ignore_cleanup_errors=True)


def _write_fence(file: Path) -> None:
    until = min(_deadlines.values(), default=time.time() + 10**9)
    with atomic_write(file) as draft:
        draft.write_text(str(int(until * 1000)), encoding="ascii")


def _set_deadline(key: str, deadline: float | None) -> None:
    file = fence_file()
    with _changing:
        if deadline is None:
            _deadlines.pop(key, None)
        else:
            _deadlines[key] = deadline
        _write_fence(file)


class _Lease:
    """One lease of this process."""

    def __init__(self, store: "ObjectStore", key: str, term: float, command: str = "") -> None:
        self._store, self._key, self._term, self._command = store, key, term, command
        self._since = time.time()
        self._token = secrets.token_hex(8)
        self._tag: str | None = None

    def take(self) -> None:
        found = self._found()
        if found is not None and not found[0].has_ended() and found[0].token not in _let_go:
            raise HeldError(found[0])
        try:
            self._put(found and found[1])
        except (AlreadyExistsError, PreconditionError) as error:
            found = self._found()
            if found is None:
                raise
            raise HeldError(found[0]) from error
        self._require_conditional_puts()

    def await_free(self) -> None:
        while True:
            try:
                return self.take()
            except HeldError:
                time.sleep(_POLL_SECONDS)

    @contextmanager
    def renewed(self) -> Iterator[None]:
        """Renew the lease in a thread until the block ends."""
        stopping = threading.Event()
        thread = threading.Thread(target=self._renew_until, args=(stopping,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join()

    def release(self) -> None:
        """Let others have the lease at once. One that was lost is left alone; one that stays runs out."""
        _set_deadline(self._key, None)
        try:
            self._write(until=0.0, tag=self._tag)
        except (BaseError, OSError):
            _let_go.add(self._token)

    def _renew_until(self, stopping: threading.Event) -> None:
        while not stopping.wait(self._term * _RENEWED_EVERY):
            try:
                self._put(self._tag)
            except PreconditionError:
                return  # another process has it: commits stop when the deadline has passed
            except (BaseError, OSError):
                continue  # the store does not answer: the next attempt may be in time

    def _put(self, tag: str | None) -> None:
        """Take or renew the lease: for `term` from before the put, however long it takes."""
        began = time.time()
        self._write(until=began + self._term, tag=tag)
        _set_deadline(self._key, began + self._term * (1 - _MARGIN))

    def _write(self, *, until: float, tag: str | None) -> None:
        content = self._content(until)
        mode: Any = "create" if tag is None else {"e_tag": tag}
        try:
            self._tag = put(self._store, self._key, content, mode=mode)["e_tag"]
        except (AlreadyExistsError, PreconditionError):
            # if an answer is lost, the client's second put meets its first
            found = self._found()
            if found is None or found[0].token != self._token:
                raise
            self._tag = found[1]

    def _content(self, until: float) -> bytes:
        pid = os.getpid()
        holder = Holder(
            *(self._token, pid, socket.gethostname(), _identity(pid), self._since, until), command=self._command
        )
        return json.dumps(holder._asdict()).encode()

    def _found(self) -> tuple[Holder, str | None] | None:
        """Who holds the lease, and the tag of its object; None if nobody has ever held it."""
        try:
            answer = get(self._store, self._key)
        except FileNotFoundError:
            return None
        tag = answer.meta["e_tag"]
        found = json.loads(bytes(answer.bytes()))
        return Holder(**{name: found[name] for name in Holder._fields if name in found}), tag

    def _require_conditional_puts(self) -> None:
        """Raise MachineError if the store takes a second object of this name: no lock is safe there."""
        try:
            put(self._store, self._key, self._content(0.0), mode="create")
        except AlreadyExistsError:
            return
        _set_deadline(self._key, None)
        raise MachineError(
            "this object store ignores If-None-Match: of several writers, one would lose its commits",
            todo="use a store with conditional writes",
        )


def _identity(pid: int) -> str:
    """What no other process on any machine has: machine, process and when it began. "" if it has ended."""
    try:
        state, *fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state in "ZX" else f"{_machine()}/{pid}-{fields[18]}"


def _machine() -> str:
    """This boot of this machine, and the namespace of its process ids; "" if the system is not Linux."""
    try:
        boot = (_PROC / "sys" / "kernel" / "random" / "boot_id").read_text().strip()
        return f"{boot}:{(_PROC / 'self' / 'ns' / 'pid').readlink()}"
    except OSError:
        return ""
