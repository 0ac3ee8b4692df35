"""The registry of raw layouts: a new one is a module with `Params` and `read`, and a line here."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from onecycle.items import biwi, files, ratings, tabular, voc
from onecycle.items.table import Reading
from onecycle.items.tidy import tidy

READERS: dict[str, Callable[[Path, Any], Reading]] = {
    "files": files.read,
    "table": tabular.read,
    "voc": voc.read,
    "biwi": biwi.read,
    "ratings": ratings.read,
}
Params = Annotated[
    files.Params | tabular.Params | voc.Params | biwi.Params | ratings.Params,
    Field(discriminator="reader"),
]


def read(raw: Path, params: Params) -> Reading:
    """What the reader that `params` name finds in raw data, tidied.

    Raises:
        UserError: the layout is not the reader's.
    """
    return tidy(READERS[params.reader](raw, params), raw, params.group_map)
