"""A process on a terminal of its own, as a person has it: what it shows, and the keys it gets."""

import os
import pty
import re
import select
import signal
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from tests.support.processes import TIMEOUT, await_condition

_ESCAPE = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07]*\x07|[=>()].?)")
_ASKS_FOR_CURSOR, _CURSOR = b"\x1b[6n", b"\x1b[1;1R"


class Terminal:
    """Starts the command on a new pseudo-terminal, which is its controlling one: Ctrl-C signals its group."""

    def __init__(self, command: Sequence[str], variables: Mapping[str, str]) -> None:
        self._terminal, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (50, 200))
        self.process = subprocess.Popen(
            command,
            env={**variables, "TERM": "xterm"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            preexec_fn=lambda: _log_in(theirs),
        )
        os.close(theirs)
        self._shown, self._read = "", 0

    def press(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def await_text(self, text: str, *, timeout: float = TIMEOUT) -> str:
        """Wait until the text is shown after what earlier calls waited for; returns what was shown up to it."""
        deadline = time.monotonic() + timeout
        while (at := self.shown.find(text, self._read)) < 0:
            left = deadline - time.monotonic()
            found = left > 0 and self._take(left)
            assert found, f"no {text!r} after {timeout:g} s, but:\n{self.shown[self._read :]}"
        begin, self._read = self._read, at + len(text)
        return self.shown[begin : self._read]

    def await_no_prompt(self) -> None:
        """Wait until no prompt reads the keys: from then on, Ctrl-C is a signal."""
        await_condition(lambda: bool(termios.tcgetattr(self._terminal)[3] & termios.ISIG), "no prompt")

    def await_end(self) -> int:
        """The exit code; what is still shown is taken meanwhile."""
        while self._take(TIMEOUT):
            pass
        return self.process.wait(TIMEOUT)

    def close(self) -> None:
        """End the process, if it is still there, and the terminal. Its JVM ends with it."""
        self.process.kill()
        self.process.wait(TIMEOUT)
        os.close(self._terminal)

    @property
    def shown(self) -> str:
        """The text without colours, movements of the cursor and carriage returns."""
        return _ESCAPE.sub("", self._shown).replace("\r", "")

    def _take(self, timeout: float) -> bool:
        """Read what the process writes; False at its end, or if nothing comes in time."""
        if not select.select([self._terminal], [], [], timeout)[0]:
            return False
        data = b""
        with suppress(OSError):  # nobody has the terminal open any more
            data = os.read(self._terminal, 65536)
        if _ASKS_FOR_CURSOR in data:
            os.write(self._terminal, _CURSOR)
        self._shown += data.decode(errors="replace")
        return bool(data)


def _log_in(terminal: int) -> None:
    """Make it the controlling terminal, with Ctrl-C: a background job of a shell ignores that.

    A test run may be one.
    """
    os.login_tty(terminal)
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
