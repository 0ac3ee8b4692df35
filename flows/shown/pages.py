"""Serves the kept reports beside Prefect's pages, so that a link in an artifact opens one.

A browser that follows a link sends no login. The address holds a secret instead, which only those
know who see the artifacts. A page there may run nothing and call nobody, as it is of the same
origin as Prefect's, which keeps the login in the browser.
"""

import hashlib
import hmac
from pathlib import Path
from typing import Any

from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

HEADERS = {
    "Content-Security-Policy": "sandbox; default-src 'none'; img-src data:; "
    "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-store",
}


def prefix(login: str) -> str:
    """Where the reports lie on a server, as a path; nobody guesses it, and it tells no login."""
    return f"/reports/{hmac.new(login.encode(), b'reports', hashlib.sha256).hexdigest()}"


def mount(folder: Path, login: str) -> Mount:
    """A route to a folder's pages, to be asked before Prefect's."""
    folder.mkdir(parents=True, exist_ok=True)
    return Mount(prefix(login), Pages(directory=folder))


class Pages(StaticFiles):
    """Files that a browser may show, and nothing more; only pages, whatever else lies there."""

    async def get_response(self, path: str, scope: Any) -> Response:  # noqa: ANN401 - Starlette's
        """The file, or that there is none."""
        if not path.endswith(".html"):
            return Response("Not Found", 404)
        response = await super().get_response(path, scope)
        response.headers.update(HEADERS)
        return response
