"""A problem's champion: the commit that the registry has in production, and what a file was there.

The registry is GTO's tags: `pets#production#3` puts a commit there, `pets#production!#4` takes it
away, and the highest number counts; `pets@v1.2.0` names its version.
"""

import re
import subprocess
from pathlib import Path

PRODUCTION = "production"
# A tag that is an object of its own holds the commit; a plain one is it.
COMMIT = "%(if)%(*objectname)%(then)%(*objectname)%(else)%(objectname)%(end)"
TAG = re.compile(r"(?P<cancel>!?)(#(?P<number>\d+))?")


def commit(problem: str, stage: str = PRODUCTION) -> str | None:
    """The commit that a stage of the registry holds, if there is one.

    Args:
        problem: its name.
        stage: of the registry.
    """
    head = f"{problem}#{stage}"
    latest: tuple[int, str | None] = (-1, None)
    for line in _git("for-each-ref", f"--format={COMMIT} %(refname:strip=2)", "refs/tags"):
        found, _, tag = line.partition(" ")
        match = TAG.fullmatch(tag.removeprefix(head)) if tag.startswith(head) else None
        if match and int(match["number"] or 0) > latest[0]:
            latest = (int(match["number"] or 0), None if match["cancel"] else found)
    return latest[1]


def name(problem: str, found: str) -> str:
    """What a registered commit is called: its newest version, such as `pets@v1.2.0`."""
    tags = _git("tag", "--points-at", found, "--sort=-version:refname", f"{problem}@v*")
    return tags[0] if tags else found[:7]


def read(path: Path, found: str) -> str:
    """A stage's output as it was at a commit, from DVC's cache, or the remote where one is set.

    Raises:
        DvcException: it has none there, or it is in neither.
    """
    import dvc.api  # some seconds, which few runs need

    return str(dvc.api.read(str(path), rev=found))


def _git(*arguments: str) -> list[str]:
    """What git answers, in lines; outside of a repository nothing."""
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    return done.stdout.splitlines()
