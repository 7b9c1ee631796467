"""moto with a race for every commit: the first put of a version waits until another client puts the same one.

python -m tests.support.racing_moto PORT FILE

By then both have seen that there is no such version. FILE gets a line for each race.
"""

import re
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from moto.server import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import run_simple

# All versions but the one that creates a table, which a single client writes.
_COMMIT = re.compile(r"/_delta_log/\d*[1-9]\d*\.json$")
# Seconds that a put waits: until both clients have started, and then for one that may have nothing left to write.
_FIRST_PATIENCE, _PATIENCE = 300.0, 3.0

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Races:
    """The server behind it sees each pair of puts at once."""

    def __init__(self, server: Application, file: Path) -> None:
        self._server, self._file = server, file
        self._changed = threading.Condition()
        self._waiting: set[str] = set()

    def __call__(self, request: dict[str, Any], respond: Callable[..., Any]) -> Iterable[bytes]:
        path = request["PATH_INFO"]
        if request["REQUEST_METHOD"] == "PUT" and _COMMIT.search(path):
            self._meet(path)
        return self._server(request, respond)

    def _meet(self, path: str) -> None:
        with self._changed:
            if path in self._waiting:
                self._waiting.remove(path)
                with self._file.open("a", encoding="utf-8") as file:
                    file.write(f"{path}\n")
                self._changed.notify_all()
                return
            self._waiting.add(path)
            patience = _PATIENCE if self._file.exists() else _FIRST_PATIENCE
            self._changed.wait_for(lambda: path not in self._waiting, patience)
            self._waiting.discard(path)


if __name__ == "__main__":
    app = Races(DomainDispatcherApplication(create_backend_app), Path(sys.argv[2]))
    run_simple("127.0.0.1", int(sys.argv[1]), app, threaded=True, request_handler=MotoRequestHandler)
