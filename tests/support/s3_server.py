"""Real S3 servers, each in a process of its own and with one bucket: moto, and versitygw if it is on the PATH."""

import importlib.util
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from pyarrow.fs import S3FileSystem

from tests.support.processes import await_condition

BUCKET = "lake"
# Signs that an address, a URI parser or a form encoder would change.
PREFIX = "raíz año/100% #1+2 & [x]"
KEY, SECRET = "a-key-that-nobody-prints", "a-secret-that-nobody-prints"
# Where a laptop's own settings could stand in for what a test gives.
_NOWHERE = "/dev/null"
# moto's first answer takes seconds of processor time: on a busy machine longer than pyarrow's three seconds.
_PATIENCE_SECONDS = 120


class S3(NamedTuple):
    endpoint: str

    @property
    def variables(self) -> dict[str, str]:
        """The one set of credentials, by which every client finds the server."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_CONFIG_FILE": _NOWHERE,
            "AWS_SHARED_CREDENTIALS_FILE": _NOWHERE,
        }

    def root(self, name: str) -> str:
        return f"s3a://{BUCKET}/{PREFIX}/{name}"


# What starts a server on this port, with a folder for its files.
Server = Callable[[int, Path], list[str]]


def moto(port: int, _: Path) -> list[str]:
    _require_moto()
    return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]


def racing_moto(port: int, folder: Path) -> list[str]:
    """moto in which two clients race for every commit; the file `races` in the folder has a line for each race."""
    _require_moto()
    return [sys.executable, "-m", "tests.support.racing_moto", str(port), str(folder / "races")]


def _require_moto() -> None:
    if importlib.util.find_spec("moto") is None:
        pytest.skip("needs moto (make test-tools)")


def versitygw(port: int, folder: Path) -> list[str]:
    program = shutil.which("versitygw")
    if program is None:
        pytest.skip("needs versitygw on the PATH (docs/testing.md)")
    data, attributes = folder / "data", folder / "attributes"
    for one in (data, attributes):
        one.mkdir()
    options = ["--access", KEY, "--secret", SECRET, "--port", f"127.0.0.1:{port}"]
    return [program, *options, "posix", "--sidecar", str(attributes), str(data)]


@contextmanager
def s3_server(server: Server, folder: Path) -> Iterator[S3]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = server(port, folder)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            await_condition(lambda: process.poll() is not None or _answers(port), "the S3 server")
            s3 = S3(f"http://127.0.0.1:{port}")
            _make_bucket(s3)
            yield s3
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def _make_bucket(s3: S3) -> None:
    found = s3.variables
    system = S3FileSystem(
        endpoint_override=s3.endpoint,
        region=found["AWS_REGION"],
        access_key=KEY,
        secret_key=SECRET,
        allow_bucket_creation=True,
        request_timeout=_PATIENCE_SECONDS,
    )
    system.create_dir(BUCKET)
