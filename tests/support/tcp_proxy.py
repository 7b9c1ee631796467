"""A TCP proxy that a test can cut and join again: to its clients, the server behind it is gone and comes back."""

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_AT_ONCE = 65536


class Proxy:
    """Listens on a free port of 127.0.0.1, and passes every connection on to another port."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._open: set[socket.socket] = set()
        self._listener = self._listening(0)
        self.port: int = self._listener.getsockname()[1]

    def _listening(self, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", port), backlog=100)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return listener

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # until it is closed
            while True:
                client, _ = listener.accept()
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._target)) as server:
            ends = {client, server}
            self._open |= ends
            try:
                _pump(client, server)
            finally:
                self._open -= ends

    def cut(self) -> None:
        """Refuse new connections, and break those that are open."""
        for one in (self._listener, *tuple(self._open)):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def join(self) -> None:
        """Accept connections again, on the same port."""
        self._listener = self._listening(self.port)


def _pump(one: socket.socket, other: socket.socket) -> None:
    """Copy what either end sends to the other one, until one of them ends."""
    with selectors.DefaultSelector() as selector, suppress(OSError):
        selector.register(one, selectors.EVENT_READ, other)
        selector.register(other, selectors.EVENT_READ, one)
        while True:
            for ready, _ in selector.select():
                sent = ready.fileobj.recv(_AT_ONCE)  # type: ignore[union-attr]
                if not sent:
                    return
                ready.data.sendall(sent)


@contextmanager
def proxy_of(target: int) -> Iterator[Proxy]:
    proxy = Proxy(target)
    try:
        yield proxy
    finally:
        proxy.cut()
