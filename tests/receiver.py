"""A local receiver of notices, as a chat service is one."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

SECRET = "T0KEN"  # in its address, as such services have it


@dataclass
class Receiver:
    """Its address, which a status to answer with is to follow, and what it got.

    That is the path, the type and the JSON of each request.
    """

    url: str
    got: list[tuple[str, str, Any]]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Receives until the end of the block."""
    got: list[tuple[str, str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            got.append((self.path, str(self.headers["Content-Type"]), json.loads(body or "null")))
            self.send_response(int(self.path.rpartition("/")[2]))
            self.send_header("Location", f"/{SECRET}/200")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield Receiver(f"http://127.0.0.1:{server.server_port}/{SECRET}", got)
        finally:
            server.shutdown()
            thread.join()
