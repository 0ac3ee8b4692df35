"""What pages are made with: their templates, and pictures within them."""

import base64
from pathlib import Path

import jinja2


def template(name: str) -> jinja2.Template:
    """A template of this folder; what it is given is text, and stays text."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def data_uri(picture: bytes, form: str = "png") -> str:
    """A picture as a URI that a page can hold."""
    return f"data:image/{form};base64,{base64.b64encode(picture).decode()}"
