"""Chromium, driven by its own protocol: what a page loads, complains of, measures and prints."""

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from websockets.sync.client import connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
OPTIONS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update --hide-scrollbars "
    "--remote-debugging-port=0 --disable-dev-shm-usage about:blank"
).split()
WAIT_S = 30.0


def found() -> str | None:
    """Where it is, if it is anywhere."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Tab:
    """A page, and what happened to it.

    Attributes:
        asked: urls that it asked for, but for `data:` ones.
        complaints: what its console says.
    """

    def __init__(self, socket: Any) -> None:
        self.socket, self.numbers = socket, count(1)
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.loaded = False
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> Any:
        """Asks for something and takes note of what happens until the answer comes."""
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while (told := self._hear()).get("id") != number:
            pass
        assert "error" not in told, told
        return told["result"]

    def _hear(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.socket.recv(timeout=WAIT_S))
        method, params = told.get("method"), told.get("params", {})
        if method == "Network.requestWillBeSent":
            url = params["request"]["url"]
            self.asked += [] if url.startswith("data:") else [url]
        elif method in ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled"):
            self.complaints.append(json.dumps(params))
        elif method == "Page.loadEventFired":
            self.loaded = True
        return told

    def open(
        self, page: Path | str, width: int, scheme: str = "light", media: str = "screen"
    ) -> None:
        """Loads a file or url at a width in CSS pixels, light or dark, on screen or in print."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=800,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        wanted = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media=media, features=wanted)
        self.loaded = False
        self.call("Page.navigate", url=page if isinstance(page, str) else page.resolve().as_uri())
        while not self.loaded:
            self._hear()

    def run(self, script: str) -> Any:
        """What a line of JavaScript gives."""
        return self.call("Runtime.evaluate", expression=script, returnByValue=True)["result"].get(
            "value"
        )

    def click(self, element: str) -> None:
        """Clicks into the middle of what a line of JavaScript gives, once that is there."""
        middle = (
            f"(it => it && (it = it.getBoundingClientRect(), [it.x + it.width / 2, "
            f"it.y + it.height / 2]))({element})"
        )
        start = time.monotonic()
        while not (found := self.run(middle)):
            assert time.monotonic() - start < WAIT_S, f"{element} is not there"
            time.sleep(0.2)
        at = {"x": found[0], "y": found[1], "button": "left", "clickCount": 1}
        for what in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=what, **at)

    def button(self, text: str, within: str = "body") -> None:
        """Clicks the last button of a text, inside of what a selector finds."""
        buttons = f"[...document.querySelectorAll('{within} button')]"
        self.click(f"{buttons}.filter(it => it.innerText.trim() == '{text}').pop()")

    def write(self, text: str) -> None:
        """Types into what has the focus."""
        self.call("Input.insertText", text=text)

    def picture(self, file: Path) -> None:
        """Takes a picture of the whole page."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(shot["data"]))

    def printed(self) -> bytes:
        """The page as PDF."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=False)["data"])


@contextmanager
def browser(program: str, profile: Path) -> Iterator[Tab]:
    """Runs the browser with an empty profile, and ends it."""
    command = [program, f"--user-data-dir={profile}", *OPTIONS]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        told, start = profile / "DevToolsActivePort", time.monotonic()
        while not told.exists() or "\n" not in told.read_text():
            assert time.monotonic() - start < WAIT_S, "the browser did not start"
            time.sleep(0.05)
        port = told.read_text().splitlines()[0]
        with urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
            pages = [each for each in json.load(answer) if each["type"] == "page"]
        with connect(pages[0]["webSocketDebuggerUrl"], max_size=None, proxy=None) as socket:
            yield Tab(socket)
    finally:
        process.terminate()
        process.wait(WAIT_S)
