"""`lakehouse` commands one after the other in one process of their own.

Each starts and stops its Spark session itself, as it does in a shell; only the JVM, whose start takes longer than
most commands, stays. That the installed `lakehouse` starts one is tested in test_commands.py.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from lakehouse.cli import main
from tests.support.delta_cache import forget_tables


class CommandProcess:
    """The process, seen from the test."""

    def __init__(self, variables: Mapping[str, str], folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            cwd=folder,
            env=dict(variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        """The command's exit code, and all that it printed."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps(arguments), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        assert answer, f"{arguments} ended the process with {self.process.wait()}"
        code, printed = json.loads(answer)
        return code, printed

    def close(self) -> None:
        self.process.communicate()


def serve() -> None:
    """Run the commands that come as lines of JSON, until there are no more."""
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        with tempfile.TemporaryFile() as output:
            for stream in (1, 2):
                os.dup2(output.fileno(), stream)
            try:
                code: object = main(json.loads(line))
            except SystemExit as error:  # argparse
                code = error.code
            sys.stdout.flush()
            sys.stderr.flush()
            output.seek(0)
            printed = output.read().decode(errors="replace")
        print(json.dumps((code, printed)), file=answers, flush=True)
        forget_tables()


if __name__ == "__main__":
    serve()
