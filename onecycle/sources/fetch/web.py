"""One request for the bytes behind an http(s) url, from wherever in the file they are wanted."""

import re
import ssl
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from netrc import NetrcParseError
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from onecycle.errors import UserError

if TYPE_CHECKING:
    import httpx

SILENCE_S = 60.0  # the longest a server may take to answer, and to go on
SLOWEST = 1024  # bytes a second, averaged over SILENCE_S: below that another connection is tried
REDIRECTS = 10
# What may follow what: never out of the web, and never from what is encrypted to what is not.
STEPS = {("http", "http"), ("http", "https"), ("https", "https")}
HEALING = {408, 425, 429}  # and all from 500 on


class Failure(Exception):
    """A request did not bring what was wanted.

    Args:
        why: what happened.
        remedy: what a user can do about it.
        heals: whether the same request may go well later.
        anew: whether the bytes that came earlier are worth nothing.
        wait_s: how long the server asks to wait, if it does.
    """

    def __init__(
        self,
        why: str,
        remedy: str,
        *,
        heals: bool = False,
        anew: bool = False,
        wait_s: float | None = None,
    ) -> None:
        super().__init__(f"{why}: {remedy}")
        self.why, self.heals, self.anew, self.wait_s = why, heals, anew, wait_s


@dataclass(frozen=True)
class Answer:
    """What a server sends.

    Args:
        start: where in the file its bytes begin; 0 where it does not resume.
        total: the whole file's bytes, or None if it does not say.
        validator: what tells this content from a later one, fit for `If-Range`; None without any.
        chunks: the bytes as they are stored, whatever encoding the server calls them.
    """

    start: int
    total: int | None
    validator: str | None
    chunks: Iterator[bytes]


def shown(url: str) -> str:
    """A url as messages, logs and outputs show it: without credentials, nor a query's values."""
    try:
        parts = urlsplit(url)
        if not parts.query and "@" not in parts.netloc:
            return url
        host = parts.netloc.rpartition("@")[2]
        return parts._replace(netloc=host, query="…" if parts.query else "").geturl()
    except ValueError:
        return url.split("?")[0].rpartition("@")[2]


@contextmanager
def ask(url: str, start: int = 0, validator: str | None = None) -> Iterator[Answer]:
    """Asks for a file's bytes, from `start` on if it still is what `validator` names.

    Proxies come from the environment, credentials from `~/.netrc`.

    Raises:
        Failure: also while the chunks are read.
        UserError: the url is none, or `~/.netrc` cannot be read.
    """
    import httpx

    headers = {"Accept-Encoding": "identity"}
    if start and validator:
        headers |= {"Range": f"bytes={start}-", "If-Range": validator}
    try:
        with _client(headers) as client, closing(_follow(client, url)) as response:
            yield _answer(response, start, validator)
    except (
        httpx.InvalidURL,
        httpx.UnsupportedProtocol,
        httpx.LocalProtocolError,
        UnicodeError,  # Python's: of a host's name that no name server takes
    ) as error:
        raise UserError(f"{shown(url)}: is no url ({error}): correct it in params.yaml") from error
    except httpx.HTTPError as error:
        raise _explained(error) from error


def _client(headers: dict[str, str]) -> "httpx.Client":
    """What asks, with the user's credentials, proxies and trusted certificates."""
    import httpx

    auth = _netrc()
    try:
        return httpx.Client(timeout=SILENCE_S, headers=headers, auth=auth)
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        raise UserError(
            f"a proxy of the environment cannot be used ({error}): expected http://… or https://… "
            "in HTTP_PROXY, HTTPS_PROXY and ALL_PROXY; correct or unset them"
        ) from error
    except OSError as error:
        raise UserError(
            f"SSL_CERT_FILE or SSL_CERT_DIR cannot be read ({error}): correct or unset it"
        ) from error


def _netrc() -> "httpx.Auth | None":
    """The user's credentials for hosts, if there are any."""
    import httpx

    try:
        return httpx.NetRCAuth()
    except FileNotFoundError:
        return None
    except NetrcParseError as error:  # its words may be a password
        why = f"~/.netrc cannot be read, line {error.lineno}"
        raise UserError(
            f"{why}: expected machine HOST login NAME password WORD, mode 600"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise UserError(f"~/.netrc cannot be read ({said}): correct it") from None


def _follow(client: "httpx.Client", url: str) -> "httpx.Response":
    """The answer after all redirects, its body unread."""
    request = client.build_request("GET", url)
    client.event_hooks = {"response": [_check_redirect]}  # before httpx makes a request of it
    for _ in range(REDIRECTS + 1):
        response = client.send(request, stream=True)
        if response.next_request is None:
            return response
        response.close()
        at, request = request.url, response.next_request
    why = f"more than {REDIRECTS} redirects, the last from {shown(str(at))} "
    raise Failure(f"{why}to {shown(str(request.url))}", "correct the url in params.yaml")


def _check_redirect(response: "httpx.Response") -> None:
    """Refuses a redirect that is no step of `STEPS`."""
    if not response.has_redirect_location:
        return
    at, to = response.request.url, response.headers["location"]
    with suppress(ValueError):
        to = urljoin(str(at), to)
        if (at.scheme, urlsplit(to).scheme) in STEPS:
            return
    raise Failure(
        f"{shown(str(at))} redirects to {shown(to)}, out of http(s) or its encryption",
        "check the url; if you trust where it leads, write that url into params.yaml",
    )


def _answer(response: "httpx.Response", start: int, validator: str | None) -> Answer:
    """Reads an answer's head; refuses one that does not give the bytes asked for."""
    head, status = response.headers, response.status_code
    states = [head.get("etag", ""), head.get("last-modified", "")]
    strong = [each for each in states if each.isascii() and each[:2] not in ("", "W/")]
    length = None if "transfer-encoding" in head else head.get("content-length")
    if status == 200:
        total = None if length is None else int(length)  # h11 sees to it that this is a number
        return Answer(0, total, strong[0] if strong else None, _body(response))
    if start and status == 206:
        said = head.get("content-range", "")
        span = re.fullmatch(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18})", said, re.ASCII)
        if span and int(span[1]) == start and validator in states:
            return Answer(start, int(span[2]), validator, _body(response))
        why = f"the server does not resume the same file at {start:,} (it says {said!r})"
        raise Failure(why, "fetch it again", heals=True, anew=True)
    if start and status == 416:
        why = f"the server's file has no byte {start:,} any more"
        raise Failure(why, "fetch it again", heals=True, anew=True)
    if status in (404, 410):
        why = f"the server has no such file ({status})"
        raise Failure(why, "correct the url in params.yaml")
    remedy = "open the url in a browser; try again later or correct it"
    why = f"the server answered {status} {response.reason_phrase}".rstrip()
    heals = status in HEALING or status >= 500
    raise Failure(why, remedy, heals=heals, wait_s=_wait_s(head.get("retry-after", "")))


def _wait_s(text: str) -> float | None:
    """What `Retry-After` asks for, in seconds; None where it asks for nothing."""
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError, IndexError):  # no date, or none with a zone
        return None


def _body(response: "httpx.Response") -> Iterator[bytes]:
    """Yields the bytes; ends a connection that is hardly alive."""
    began, count = time.monotonic(), 0
    for chunk in response.iter_raw():
        yield chunk
        count += len(chunk)
        passed = time.monotonic() - began
        if passed > SILENCE_S:
            if count < SLOWEST * passed:
                why = f"the server sent {count:,} bytes in {passed:.0f} s"
                raise Failure(why, "try again later", heals=True)
            began, count = time.monotonic(), 0


def _explained(error: Exception) -> Failure:
    """Says what went wrong with a connection and what to do."""
    import httpx

    if isinstance(error, httpx.TimeoutException):
        return Failure(
            f"the server was silent for {SILENCE_S:.0f} s", "try again later", heals=True
        )
    if "incomplete" in str(error) or "complete message body" in str(error):
        why = f"the file ended before its announced length ({error})"
        return Failure(why, "fetch it again", heals=True)
    cause: BaseException | None = error
    while cause:
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = f"the server cannot prove who it is ({cause.verify_message})"
            return Failure(why, "correct the url, or have its certificate trusted (SSL_CERT_FILE)")
        cause = cause.__cause__ or cause.__context__
    remedy = "check the url and the network, try again"
    return Failure(f"the connection failed ({error})", remedy, heals=True)
