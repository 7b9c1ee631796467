"""A small S3 server in this process: one bucket's objects in memory, readable once their upload is complete."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from threading import Thread
from typing import IO
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass
class ObjectStore:
    """Its address, its objects by `bucket/key`, and the requests that it answered (`PUT bucket/key`)."""

    endpoint: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    parts: dict[str, dict[int, bytes]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    store = ObjectStore()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(store))
    store.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(store: ObjectStore) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            key, query = self.target()
            content = self.content()
            if "partNumber" in query:
                store.parts[key][int(query["partNumber"][0])] = content
            else:
                store.objects[key] = content
            self.answer(200, headers={"ETag": '"tag"'})

        def do_POST(self) -> None:
            key, query = self.target()
            self.content()
            if "uploads" in query:
                store.parts[key] = {}
                upload = "<UploadId>1</UploadId>"
                self.answer(200, f"<InitiateMultipartUploadResult>{upload}</InitiateMultipartUploadResult>")
            else:
                store.objects[key] = b"".join(content for _, content in sorted(store.parts.pop(key).items()))
                result = "<CompleteMultipartUploadResult><ETag>tag</ETag></CompleteMultipartUploadResult>"
                self.answer(200, result)

        def do_HEAD(self) -> None:
            key, _ = self.target()
            self.answer(200 if key in store.objects else 404)

        def target(self) -> tuple[str, dict[str, list[str]]]:
            address = urlsplit(self.path)
            key = unquote(address.path).lstrip("/")
            store.requests.append(f"{self.command} {key}")
            return key, parse_qs(address.query, keep_blank_values=True)

        def content(self) -> bytes:
            if self.headers.get("Transfer-Encoding") == "chunked":
                body = _unchunked(self.rfile)
            else:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            return _unchunked(BytesIO(body)) if self.headers.get("Content-Encoding") == "aws-chunked" else body

        def answer(self, code: int, body: str = "", headers: dict[str, str] | None = None) -> None:
            self.send_response(code)
            for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    return Handler


def _unchunked(body: IO[bytes]) -> bytes:
    """The content of a chunked body: chunks after their sizes in hexadecimal, then lines up to an empty one."""
    content = b""
    while size := int(body.readline().partition(b";")[0], 16):
        content += body.read(size)
        body.readline()
    while body.readline().strip():
        pass
    return content
