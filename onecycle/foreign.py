"""Text from outside, such as the names of files and labels, on its way to a terminal or a table."""

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from onecycle.paths import write_whole

if TYPE_CHECKING:
    import pandas as pd

# Controls but for the line feed, line and paragraph separators, what turns the direction of text
# round, and halves of characters that UTF-8 can't write.
STEERS = re.compile(
    "[\0-\t\x0b-\x1f\x7f-\x9f\u061c\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
HALVES = re.compile("[\ud800-\udfff]")
FORMULA = re.compile("[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]")  # OWASP's list, CSV injection
LOGIN = re.compile("(?<=://)[^/\n]*@")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)


def shown(text: str) -> str:
    r"""Text as it may be printed: what would steer a terminal is spelt out, such as `\x1b`.

    Line feeds stay; in a name, `one_line` spells them out too.
    """
    return HALVES.sub(_spelt, STEERS.sub(_spelt, text))


def one_line(name: str) -> str:
    """A name as it may be printed within a line."""
    return shown(name).replace("\n", "\\n")


def without_login(text: str) -> str:
    """A value with `…` in place of the user name and password of each url in it."""
    return LOGIN.sub("…@", text)


def masked(said: str) -> str:
    """What a program said, without the user name and password of each url in it."""
    return re.sub(r"(?<=://)[^/\s]*@", "", said)


def public(url: str) -> str:
    """Refuses a url that tells a user name or password; fit for a pydantic `AfterValidator`.

    Raises:
        ValueError: it does, or is no url; it is not repeated.
    """
    try:
        told = "@" in urlsplit(url).netloc
    except ValueError:
        raise ValueError("is no url: correct it in params.yaml") from None
    if told:
        raise ValueError(
            "holds a user name or password, which params.yaml and dvc.lock would show: "
            "write them into ~/.netrc (machine HOST login NAME password WORD)"
        )
    return url


def write_csv(path: Path, frame: "pd.DataFrame") -> None:
    """Writes a CSV file, whole or not at all.

    A cell or column name that a spreadsheet would take for a formula is made inert.
    """
    write_whole(path, inert(frame).to_csv(index=False))


def inert(frame: "pd.DataFrame") -> "pd.DataFrame":
    """A table for a CSV file: what would be a formula gets an apostrophe, which spreadsheets hide.

    That is a cell or a column's name.
    """
    texts = frame.select_dtypes(exclude=["number", "bool", "datetime"]).columns
    safe = frame.assign(**{name: frame[name].map(_inert) for name in texts})
    return safe.rename(columns=_inert)


def _spelt(found: re.Match[str]) -> str:
    return found.group().encode("unicode_escape").decode()


def _inert(cell: object) -> object:
    if isinstance(cell, str) and FORMULA.match(cell) and not NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell
