"""A real HTTP server on this machine that does what a test tells it, well or badly."""

import hashlib
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY = bytes(range(256)) * 10_001  # more than two chunks, and not a whole number of them
SHA256 = f"sha256:{hashlib.sha256(BODY).hexdigest()}"
MD5 = f"md5:{hashlib.md5(BODY).hexdigest()}"


class Handler(BaseHTTPRequestHandler):
    """Answers a path with the server's `files` or, one after the other, its `scripts`."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.requests[self.path] += 1
        self.server.heads.append(dict(self.headers.items()))
        place = self.path.partition("?")[0]
        if script := self.server.scripts.get(place):
            self.close_connection = True
            (script.pop(0) if len(script) > 1 else script[0])(self)
            return
        found = self.server.files.get(place)
        reply(found or b"", 404 if found is None else 200)(self)

    def do_HEAD(self):
        self.server.requests[f"HEAD {self.path}"] += 1
        self.send_error(405)

    def log_message(self, *args):
        pass


Page = Callable[[Handler], None]


@contextmanager
def serving() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        running.block_on_close = False
        running.handle_error = lambda *_: None  # clients go away
        running.ended = threading.Event()
        running.requests, running.heads, running.scripts = Counter(), [], {}
        running.files = {"/a.tgz": BODY, "/my%20data.zip": BODY, "/empty": b""}
        running.url = f"http://127.0.0.1:{running.server_port}"
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield running
        finally:
            running.ended.set()
            running.shutdown()
            thread.join()


def reply(body: bytes, status: int = 200, *, length: int | None = -1, reason=None, **headers):
    """Sends all of a body; `length` lies about it, or is None for a body that ends by closing."""

    def page(handler: Handler) -> None:
        handler.send_response(status, reason)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), str(value))
        if length is not None:
            handler.send_header("Content-Length", str(len(body) if length == -1 else length))
        else:
            handler.close_connection = True
        handler.end_headers()
        handler.wfile.write(body)

    return page


def cut(at: int, body: bytes = BODY, **headers) -> Page:
    """Announces all of a body and closes after its first bytes."""
    return reply(body[:at], length=len(body), **({"ETag": '"1"'} | headers))


def ranged(body: bytes = BODY, **headers) -> Page:
    """Does as the standard says (RFC 9110, 13.1.5 and 14.2)."""

    def page(handler: Handler) -> None:
        states = {"ETag": '"1"'} | headers
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        if not asked or handler.headers.get("If-Range") not in states.values():
            return reply(body, **states)(handler)
        at = int(asked[1])
        span = f"bytes {at}-{len(body) - 1}/{len(body)}"
        return reply(body[at:], 206, Content_Range=span, **states)(handler)

    return page


def chunked(*pieces: bytes | None) -> Page:
    """Sends pieces without telling how many; None waits until the test ends."""

    def page(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for piece in pieces:
            if piece is None:
                handler.server.ended.wait(10)
                return
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        handler.wfile.write(b"0\r\n\r\n")

    return page


def raw(data: bytes) -> Page:
    """Sends bytes in place of an answer."""
    return lambda handler: handler.wfile.write(data)
