"""Trains a model again from what its lineage tells, and compares the bytes: `make verify MODEL=…`.

`python -m flows.verify models/pets` (or `pets@production`) takes the commit of lineage.json in a
clean worktree, its parameters and the same source, runs all seven stages there without DVC's cache,
and holds every file of the bundle against the new one. Status 0: all are equal to the byte.
"""

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from flows import private, supervisor
from flows.pipeline import ended
from flows.stage import GRACE_S
from flows.versions import registry
from flows.versions.revisions import git
from onecycle.errors import UserError
from onecycle.params import PARAMS_FILE, read_yaml
from onecycle.paths import SEAL, Paths, home, read_json, sweep, temporary
from onecycle.progress import complain, say
from onecycle.report.lineage import PLACES
from onecycle.report.words import place

MOST = 5  # keys of a JSON file that are told to differ


def main(argv: list[str] | None = None) -> int:
    """Trains again; status 0 if the bytes are equal, 2 if they are not."""
    parser = argparse.ArgumentParser(
        prog="python -m flows.verify",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", help="a bundle: models/PROBLEM, a copy, or PROBLEM@production")
    arguments = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, ended)
    try:
        folder = registry.named(arguments.model) or Path(arguments.model)
        return 0 if verify(folder) else 2
    except UserError as error:
        complain(error)
        return 1
    except KeyboardInterrupt:
        return 130


def verify(folder: Path) -> bool:
    """Trains a bundle's model again and tells of each file whether it is equal.

    Raises:
        UserError: the lineage does not tell enough, or a stage fails.
    """
    lineage = lineage_of(folder)
    problem, commit = lineage["problem"], lineage["code"]["commit"]
    for each in elsewhere(lineage["packages"], lineage["trained_on"]):
        say(f"{each}: bytes may differ")
    with clean_tree(commit, problem) as tree:
        say(f"training {problem} again, by the code of {commit[:8]}")
        write_params(tree, problem, lineage["params"])
        train(tree, problem)
        differing = list(compare(folder, Paths(problem, tree).model()))
    for each in differing:
        say(each)
    count = len(list(folder.iterdir()))
    if differing:
        say(f"NOT verified: {len(differing)} of {count} files differ")
    else:
        say(f"verified: trained again, all {count} files of {folder} are equal to the byte")
    return not differing


def lineage_of(folder: Path) -> dict[str, Any]:
    """What lineage.json tells, if that is enough.

    Raises:
        UserError: it is not there, or the code was in no commit that this repository has.
    """
    file = folder / "lineage.json"
    if not file.is_file():
        raise UserError(f"{file}: no such file; name a bundle of a problem that passed evaluate")
    lineage: dict[str, Any] = read_json(file)
    code = lineage["code"]
    if not code["commit"] or code["changed"]:
        raise UserError(
            f"{file}: the code that trained it was in no commit, so nobody can run it again; "
            "commit, and train once more"
        )
    try:
        git("cat-file", "-e", f"{code['commit']}^{{commit}}")
    except UserError:
        raise UserError(
            f"{file}: this repository has no commit {code['commit'][:8]}; `git fetch` may bring it"
        ) from None
    return lineage


def elsewhere(packages: dict[str, str], trained_on: dict[str, Any]) -> Iterator[str]:
    """What decides bytes and is other here than where the model was trained."""
    from onecycle.learn import device  # here: torch is slow to import

    here = device.made_with(device.choose(trained_on["precision"]))
    for name, there in packages.items():
        found = here["packages"].get(name) or installed(name)
        if found != there:
            yield f"{name} {there} trained it, here is {found or 'none'}"
    for name in ("device", "kind"):
        if here[name] != trained_on[name]:
            yield f"it was trained on {trained_on[name]}, here is {here[name]}"


def installed(package: str) -> str | None:
    """The version of a package; null where it is not there."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@contextmanager
def clean_tree(commit: str, problem: str) -> Iterator[Path]:
    """A worktree of a commit, removed after; what a kill leaves, the next or the doctor removes."""
    trees = home() / "trees"
    sweep(trees)
    git("worktree", "prune")
    path = temporary(trees / f"verify-{problem}")
    git("worktree", "add", "--quiet", "--detach", str(path), commit)
    try:
        yield path
    finally:
        git("worktree", "remove", "--force", str(path))


def write_params(tree: Path, problem: str, told: dict[str, Any]) -> None:
    """Writes the parameters that a lineage tells; of no other problem."""
    known = read_yaml(PARAMS_FILE).get("problems") if PARAMS_FILE.exists() else {}
    here = (known or {}).get(problem) or {}
    sections = {name: each for name, each in told.items() if name != "threads"}
    placed = with_places(sections, here, f"problems.{problem}")
    params = {"run": [problem], "threads": told["threads"], "problems": {problem: placed}}
    with (tree / PARAMS_FILE).open("w") as file:
        YAML().dump(params, file)


def with_places(told: Any, here: Any, key: str) -> Any:  # noqa: ANN401 - any YAML value
    """Parameters with the places of local files, of which a lineage tells the names only.

    Args:
        told: what it tells.
        here: the same place in params.yaml, whatever that holds.
        key: its path.

    Raises:
        UserError: params.yaml does not tell where one lies.
    """
    if isinstance(told, dict):
        pairs = here if isinstance(here, dict) else {}
        return {k: with_places(v, pairs.get(k), f"{key}.{k}") for k, v in told.items()}
    if isinstance(told, list):
        items: Sequence[Any] = here if isinstance(here, list) else ()
        rest = [*items, *[None] * len(told)]
        return [with_places(each, rest[at], f"{key}.{at}") for at, each in enumerate(told)]
    if key.rpartition(".")[2] not in PLACES or not isinstance(told, str) or "://" in told:
        return told
    if isinstance(here, str) and place(here) == told:
        return here
    raise UserError(
        f"{key}: the model was made from a local '{told}', and lineage.json tells no place: let "
        "params.yaml name it at this key"
    )


def train(tree: Path, problem: str) -> None:
    """Runs all stages, whatever DVC's cache has.

    Raises:
        UserError: one fails.
    """
    (tree / "dvc.lock").unlink(missing_ok=True)
    repro = ["dvc", "repro", "--no-run-cache", "--no-commit", f"evaluate@{problem}"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    own = {"PATH": path, "PYTHONUNBUFFERED": "1", "DVC_SITE_CACHE_DIR": str(private.site(tree))}
    environment = os.environ | own
    process = supervisor.start([sys.executable, "-m", *repro], GRACE_S, cwd=tree, env=environment)
    assert process.stdout
    try:
        with process.stdout as lines:
            for line in filter(str.strip, lines):
                say(f"  {line.rstrip()}")
    finally:
        status = supervisor.end(process)
    if status:
        raise UserError(
            f"the model could not be trained again: its lines above tell why ({status})"
        )


def compare(old: Path, new: Path) -> Iterator[str]:
    """The files of two bundles that differ, and of JSON where."""
    for name in sorted({each.name for folder in (old, new) for each in folder.iterdir()}):
        files = [folder / name for folder in (old, new)]
        if not all(each.is_file() for each in files):
            yield f"{name}: only {'before' if files[0].is_file() else 'now'}"
        elif files[0].read_bytes() != files[1].read_bytes():
            keys = [key for key in differences(*map(_json, files)) if key not in ("", SEAL)]
            more = ["…"] if len(keys) > MOST else []
            where = f" at {', '.join(keys[:MOST] + more)}" if keys else ""
            yield f"{name}: differs{where}"


def _json(file: Path) -> Any:  # noqa: ANN401 - any JSON value
    """What a file holds if it is JSON, whatever its seal says; else null."""
    try:
        return json.loads(file.read_bytes())
    except ValueError:
        return None


def differences(old: Any, new: Any, key: str = "") -> Iterator[str]:  # noqa: ANN401 - JSON values
    """The keys at which two JSON values differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys([*old, *new]):
            yield from differences(old.get(name), new.get(name), f"{key}.{name}".lstrip("."))
    elif old != new:
        yield key


if __name__ == "__main__":
    sys.exit(main())
