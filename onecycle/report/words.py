"""Numbers and places in words."""

from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit


def count(number: int, noun: str) -> str:
    """A number of things: `1 item`, `2,000 items`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def percent(share: float, digits: int = 1) -> str:
    """A share in percent, but never 100 for what is less; the space before % does not break."""
    most = 1 - 0.1 ** (digits + 2)
    shown = f"{100 * (min(share, most) if share < 1 else share):.{digits}f}"
    return (shown.removesuffix(".0") if digits else shown) + "\u00a0%"


def within(low: float, high: float, digits: int = 0) -> str:
    """Bounds of a share, in percent; a dash where there are none."""
    if low != low or high != high:  # NaN
        return "–"
    return f"{100 * low:.{digits}f} – {100 * high:.{digits}f}\u00a0%"


def between(low: float, high: float, digits: int) -> str:
    """Bounds of a number; a dash where there are none."""
    if low != low or high != high:
        return "–"
    return f"{low:,.{digits}f} – {high:,.{digits}f}"


def place(url: str) -> str:
    """A url as the page shows it: of a local file the name only, for its folder says nothing."""
    parts = urlsplit(url)
    return unquote(PurePosixPath(parts.path).name) if parts.scheme in ("", "file") else url
