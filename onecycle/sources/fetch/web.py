"""The bytes behind an http(s) url."""

from collections.abc import Iterator
from typing import Any, Protocol

from onecycle.errors import UserError

CHUNK = 1 << 20  # bytes
SILENCE_S = 60.0  # the longest a server may take to answer, and to go on


class Readable(Protocol):
    """Anything whose `read` gives at most so many bytes, and none at the end."""

    def read(self, size: int, /) -> bytes: ...  # noqa: D102


def full_chunks(stream: Readable) -> Iterator[bytes]:
    """Yields a stream's bytes in chunks of `CHUNK`; only the last may be shorter."""
    chunk = bytearray()
    while part := stream.read(CHUNK - len(chunk)):
        chunk += part
        if len(chunk) == CHUNK:
            yield bytes(chunk)
            chunk.clear()
    if chunk:
        yield bytes(chunk)


def http_chunks(url: str) -> Iterator[bytes]:
    """Yields the bytes behind an http(s) url as `full_chunks` does.

    Raises:
        UserError: nothing answers, the answer is no success, or the body ends early.
    """
    from aiohttp import ClientError

    try:
        with _open(url) as stream:
            yield from full_chunks(stream)
    except (ClientError, OSError) as error:
        raise UserError(f"{url}: {_explain(error)}") from error


def _open(url: str) -> Any:  # noqa: ANN401 - fsspec has no types
    """Opens a url for reading once through, with a single request.

    The bytes come as stored: a .tgz stays one even when the server calls its gzip an encoding.
    """
    import fsspec
    from aiohttp import ClientTimeout

    client = {
        "timeout": ClientTimeout(total=None, sock_connect=SILENCE_S, sock_read=SILENCE_S),
        "headers": {"Accept-Encoding": "identity"},
        "auto_decompress": False,
        "trust_env": True,  # proxies
    }
    http = fsspec.filesystem("http", client_kwargs=client)
    # Any size given spares a HEAD request, which would also hide why a url cannot be read.
    return http.open(url, block_size=0, size=-1)


def _explain(error: Exception) -> str:
    """Says what went wrong and what to do."""
    from aiohttp import ClientPayloadError, ClientResponseError, InvalidURL

    match error:
        case FileNotFoundError():
            return "the server has no such file (404): correct the url in params.yaml"
        case ClientResponseError():
            return (
                f"the server answered {error.status} {error.message}: "
                "open the url in a browser; try again later or correct it"
            )
        case ClientPayloadError():
            return f"the file ended before its announced length ({error}): fetch it again"
        case InvalidURL():
            return "is no url: correct it in params.yaml"
        case TimeoutError():
            return f"the server was silent for {SILENCE_S:.0f} s: try again later"
        case _:
            return f"the connection failed ({error}): check the url and the network, try again"
