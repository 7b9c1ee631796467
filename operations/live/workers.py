"""Work in its own thread, whose failure is kept for the caller."""

import threading
from collections.abc import Callable


class BackgroundWork:
    """Runs `work` at once. The thread does not keep the process alive: one that hangs delays nobody."""

    def __init__(self, name: str, work: Callable[[], object]) -> None:
        self.name = name
        self.failure: BaseException | None = None
        self._work = work
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def ended(self) -> bool:
        return not self._thread.is_alive()

    def join(self, timeout_seconds: float | None = None) -> bool:
        """Wait for the end, at most that long; return whether it came."""
        self._thread.join(timeout_seconds)
        return self.ended()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001 - kept, and raised by the thread that asks for it
            self.failure = error
