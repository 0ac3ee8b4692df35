"""params.yaml: the base of every parameter model, and the reader that refuses what it can't mean.

Each stage's model lives in its task module; this module holds none of a stage's behaviour.
"""

import copy
import difflib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from onecycle.errors import UserError
from onecycle.foreign import without_login
from onecycle.paths import write_whole

PARAMS_FILE = Path("params.yaml")
# What ruamel raises beside a MarkedYAMLError: bytes, dates and numbers that make no sense, depth.
BROKEN = (YAMLError, ValueError, RecursionError)
Yaml = Any  # a value read from YAML: mapping, list, text, number, true, false or null


class Section(BaseModel):
    """A section of params.yaml: types are not bent to fit, and unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, value: Yaml) -> Yaml:
        unknown = [key for key in value if key not in cls.model_fields] if _maps(value) else []
        if unknown:
            hints = [f"unknown key '{key}', {nearest(key, cls.model_fields)}" for key in unknown]
            raise PydanticCustomError("unknown_key", "{hints}", {"hints": "; ".join(hints)})
        return value


def nearest(name: Yaml, known: Iterable[str]) -> str:
    """The remedy for a wrong name: the nearest known one, or all of them."""
    known = sorted(known)
    close = difflib.get_close_matches(str(name), known, n=1)
    return f"did you mean '{close[0]}'?" if close else f"known are: {', '.join(known)}"


def read_yaml(path: Path, yaml: YAML | None = None) -> dict[str, Yaml]:
    """Reads a YAML 1.2 file (so `1e-4` is a number, as it is for DVC) into plain values.

    Args:
        path: the file.
        yaml: the parser; a safe one by default.

    Raises:
        UserError: the file can't be read, is no YAML, or is no mapping.
    """
    try:
        value = (yaml or _plain()).load(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file here ({Path.cwd()})") from None
    except OSError as error:
        raise UserError(f"{path}: can't be read: {error.strerror}") from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise UserError(f"{path}, line {line}: not valid YAML: {error.problem}") from None
    except BROKEN as error:
        raise UserError(f"{path}: not valid YAML in UTF-8: {_first_line(error)}") from None
    if not _maps(value):
        raise UserError(f"{path}: expected a mapping of keys to values")
    return value  # type: ignore[no-any-return]


def _first_line(error: Exception) -> str:
    deep = isinstance(error, RecursionError)
    return "nested too deep" if deep else str(error).partition("\n")[0]


def _plain() -> YAML:
    return YAML(typ="safe", pure=True)


def explain(error: ValidationError, raw: Yaml, prefix: str = "") -> list[str]:
    """Turns pydantic's findings into lines: a key's full path, what was expected, what stood there.

    Args:
        error: what pydantic raised.
        raw: the value that it was given.
        prefix: the path of `raw` itself, such as `problems.pets.calibrate`.
    """
    expected: dict[str, list[str]] = {}
    got: dict[str, str] = {}
    for found in error.errors(include_url=False):
        keys = _real_keys(found["loc"], raw, missing=found["type"] == "missing")
        where = ".".join([*filter(None, [prefix]), *map(str, keys)]) or "at the top"
        expected.setdefault(where, []).append(_expected(dict(found)))
        got[where] = _got(dict(found))
    # The members of a union each say what they expected: those are alternatives.
    alternatives = {where: " or ".join(dict.fromkeys(said)) for where, said in expected.items()}
    return [f"{where}: {said}{got[where]}" for where, said in alternatives.items()]


def _expected(found: dict[str, Any]) -> str:
    if found["type"] == "missing":
        return "is missing (a section without values of its own is written {})"
    if found["type"].startswith("union_tag"):
        choices = found["ctx"].get("expected_tags")
        what = f"one of {choices}" if choices else "written: it says what the other keys may be"
        return f"expected {found['ctx']['discriminator']} to be {what}"
    said = str(found["msg"]).removeprefix("Value error, ")
    return said.replace("Input should be", "expected")


def _got(found: dict[str, Any]) -> str:
    got = found["ctx"].get("tag") if found["type"] == "union_tag_invalid" else found["input"]
    if _maps(got) or found["type"] == "missing":
        return ""
    remedy = "; put it in quotes" if found["type"] == "string_type" and _is_number(got) else ""
    return without_login(f", got {got!r}{remedy}")


def _real_keys(loc: tuple[Any, ...], raw: Yaml, *, missing: bool) -> Iterator[Any]:
    """The keys of a path, without what pydantic adds to tell a union's members apart."""
    for at, key in enumerate(loc):
        if _maps(raw) and key in raw:
            raw = raw[key]
        elif isinstance(raw, list) and isinstance(key, int):
            raw = raw[key]
        elif not (missing and at == len(loc) - 1):
            continue
        yield key


def apply(
    settings: Iterable[str],
    check: Callable[[dict[str, Yaml]], object],
    path: Path = PARAMS_FILE,
    *,
    write: bool = True,
) -> list[str]:
    """Writes settings into params.yaml, keeping its comments, as `dvc exp run -S` does.

    Args:
        settings: each `key.of.a.value=YAML`, or `@FILE`, a YAML patch merged key by key. A mapping
            after `=`, or tagged `!replace` in a patch, takes the place of the one that stood.
        check: called with the values as they would be; if it raises, nothing is written.
        path: the file to change.
        write: false to look only.

    Returns:
        One line for each value written, for people to read.

    Raises:
        UserError: a setting has no `=`, or a value, a patch or `path` is no YAML.
    """
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096  # no line is wrapped that was not
    document = read_yaml(path, yaml)
    said: list[str] = []
    for setting in settings:
        if setting.startswith("@"):
            patch = read_yaml(Path(setting[1:]), _patches())
        else:
            key, equals, text = setting.partition("=")
            if not equals:
                raise UserError(f"'{without_login(setting)}': expected key=value or @FILE")
            value = parse(text, setting)
            patch = _nest(key.split("."), _Replace(value) if _maps(value) else value)
        said += _merge(document, patch, "")
    written = io.StringIO()
    yaml.dump(document, written)
    check(_plain().load(written.getvalue()))
    if write:
        write_whole(path, written.getvalue())
    return said


def parse(text: str, what: str) -> Yaml:
    """Reads a value of params.yaml, as it stands after a key.

    Args:
        text: YAML.
        what: to be named if it is wrong.

    Raises:
        UserError: it is no YAML.
    """
    try:
        return _plain().load(text)
    except MarkedYAMLError as error:
        told = without_login(f"'{what}'")
        raise UserError(f"{told}: the value is not valid YAML: {error.problem}") from None
    except BROKEN as error:
        raise UserError(f"the value is not valid YAML: {_first_line(error)}") from None


def _nest(keys: list[str], value: Yaml) -> dict[str, Yaml]:
    for key in reversed(keys):
        value = {key: value}
    nested: dict[str, Yaml] = value
    return nested


class _Replace(dict[str, Yaml]):
    """A patch's mapping that was tagged `!replace`."""


def _patches() -> YAML:
    """A parser that knows `!replace`."""
    yaml = _plain()

    def replace(loader: Any, node: Any) -> _Replace:  # noqa: ANN401 - ruamel's untyped hooks
        return _Replace(loader.construct_mapping(node, deep=True))

    yaml.constructor.add_constructor("!replace", replace)
    return yaml


def _merge(document: Yaml, patch: Mapping[str, Yaml], prefix: str) -> list[str]:
    said: list[str] = []
    for key, value in patch.items():
        mergeable = _maps(value) and value and _maps(document.get(key))
        if mergeable and not isinstance(value, _Replace):
            said += _merge(document[key], value, f"{prefix}{key}.")
        else:
            plain = dict(value) if isinstance(value, _Replace) else value
            document[key] = copy.deepcopy(plain)  # an alias written twice would become an anchor
            said.append(f"{prefix}{key} = {document[key]}")
    return said


def _maps(value: Yaml) -> bool:
    return isinstance(value, Mapping)


def _is_number(value: Yaml) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
