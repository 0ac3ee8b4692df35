"""The registry of raw layouts: a new one is a module with `Params` and `read`, and a line here."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from onecycle.items import biwi, files, ratings, tabular, voc
from onecycle.items.table import Reading

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
