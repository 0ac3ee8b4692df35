"""What pages are made with: their templates, and pictures within them."""

import base64
import re
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

HERE = Path(__file__).parent


def template(name: str, folder: Path = HERE) -> jinja2.Template:
    """A template of a folder, which may use this one's; what it is given stays text."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, HERE]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["code"] = code
    return environment.get_template(name)


def code(sentence: str) -> Markup:
    """A sentence in HTML, in which what stands between backticks is code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(sentence))))


def data_uri(picture: bytes, form: str = "png") -> str:
    """A picture as a URI that a page can hold."""
    return f"data:image/{form};base64,{base64.b64encode(picture).decode()}"
