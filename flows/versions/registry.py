"""Which model is in production: git tags as GTO reads and writes them, `pets#production#3`.

`pets@v1.2.0` gives a commit its version, `pets#production#3` puts it on a stage: the third event of
pets. `gto show pets` lists them. GTO itself would overwrite a tag that somebody else makes at the
same time, so both are made here, by one transaction of git that fails if either is there.

`python -m flows.versions.registry pets@production` prints where that model lies, for programs.
"""

import argparse
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from gto.constants import Action, check_string_is_valid
from gto.tag import parse_name
from gto.versions import SemVer

from flows.versions.revisions import bundle, git
from onecycle.errors import UserError
from onecycle.progress import complain, say

FIRST = "v1.0.0"
FORMAT = "%(refname:strip=2)%00%(*objectname)%00%(taggerdate:unix)"  # the second of annotated tags


@dataclass(frozen=True)
class Event:
    """A tag of GTO's.

    Attributes:
        tag: its name.
        commit: what it points at.
        time: when it was made, in seconds.
        told: what its name says.
    """

    tag: str
    commit: str
    time: int
    told: dict[str, object]

    @property
    def number(self) -> int:
        """Which event of the problem it is; 0 of tags without a number."""
        return int(str(self.told.get("counter", 0)))


class LostError(UserError):
    """Somebody else has promoted meanwhile."""


@dataclass(frozen=True)
class Registry:
    """A problem's tags at one moment.

    Attributes:
        problem: its name.
        events: in their order.
    """

    problem: str
    events: list[Event]

    @classmethod
    def read(cls, problem: str) -> "Registry":
        """Reads the tags.

        Raises:
            UserError: the name is none that GTO takes.
        """
        check_name("problem", problem)
        patterns = (f"refs/tags/{problem}{sign}*" for sign in "@#")
        found = []
        for line in git("for-each-ref", f"--format={FORMAT}", *patterns).splitlines():
            tag, commit, made = line.split("\0")
            told = parse_name(tag, raise_on_fail=False)
            if commit and told and told["name"] == problem:  # GTO leaves lightweight tags out too
                found.append(Event(tag, commit, int(made or 0), told))
        return cls(problem, sorted(found, key=lambda each: (each.number, each.time)))

    def line(self, stage: str) -> list[str]:
        """The commits on a stage, by version: the last is what GTO says is there.

        The one before it was there before, for a promotion gives the highest version.
        """
        found: dict[str, bool] = {}
        for each in self.events:
            if each.told.get("stage") == stage:
                found[each.commit] = each.told["action"] == Action.ASSIGN
        return sorted((commit for commit, there in found.items() if there), key=self._rank)

    def _rank(self, commit: str) -> tuple[bool, SemVer]:
        version = self.versions.get(commit)
        return version is not None, SemVer(version or FIRST)

    @property
    def versions(self) -> dict[str, str]:
        """The version of each commit that has one."""
        found: dict[str, str] = {}
        for each in sorted(self.events, key=lambda each: each.time):
            if each.told["action"] == Action.REGISTER:
                found[each.commit] = str(each.told["version"])
            elif each.told["action"] == Action.DEREGISTER:
                found.pop(each.commit, None)
        return found

    def version(self, name: str) -> str:
        """The commit of a version.

        Raises:
            UserError: there is none.
        """
        for commit, version in self.versions.items():
            if version == name:
                return commit
        raise UserError(
            f"{self.problem}@{name}: no such version; `gto show {self.problem}` lists them"
        )

    @property
    def next_version(self) -> str:
        """What the next commit without a version gets; the first number is for people to raise."""
        used = [SemVer(str(each.told["version"])) for each in self.events if "version" in each.told]
        return str(max(used).bump_minor().version) if used else FIRST

    def assign(self, commit: str, stage: str, message: str) -> list[str]:
        """Puts a commit on a stage, and gives it a version; not if anything was done since `read`.

        One that was there before comes back by taking away those that came after it.

        Returns:
            The tags that it made.

        Raises:
            LostError: somebody else has made the next tag.
            UserError: git refuses.
        """
        check_name("stage", stage)
        number = max((each.number for each in self.events), default=0) + 1
        tags = {f"{self.problem}#{stage}#{number}": commit}  # whoever acts on the stage needs it
        if commit not in self.versions:
            tags[f"{self.problem}@{self.next_version}"] = commit
        else:  # those that GTO would rank above it leave the stage
            above = [each for each in self.line(stage) if self._rank(each) > self._rank(commit)]
            for at, each in enumerate(above, number + 1):
                tags[f"{self.problem}#{stage}!#{at}"] = each
        # GTO orders by time: never equal to that of an earlier one, or before it.
        now = max([int(time.time()), *(each.time + 1 for each in self.events)])
        who = git("var", "GIT_COMMITTER_IDENT", GIT_COMMITTER_DATE=f"{now} +0000")
        steps = ["start"]
        for tag, each in tags.items():
            text = f"object {each}\ntype commit\ntag {tag}\ntagger {who}\n\n{message}\n"
            steps.append(f"create refs/tags/{tag} {git('mktag', given=text)}")
        try:
            git("update-ref", "--stdin", given="\n".join([*steps, "prepare", "commit", ""]))
        except UserError as error:
            if "exists" in str(error) or "unable to create" in str(error).lower():
                raise LostError(
                    f"somebody else has promoted {self.problem} meanwhile: this was decided "
                    "against a champion that is none any more; run it again"
                ) from error
            raise
        return list(tags)


def check_name(what: str, name: str) -> None:
    """Refuses a name that GTO would.

    Raises:
        UserError: it is one.
    """
    if not check_string_is_valid(name):
        raise UserError(
            f"{what} '{name}': expected letters, digits, - and _, a letter or digit at both ends"
        )


def named(name: str) -> Path | None:
    """The bundle that `pets@production` or `pets@v1.2.0` names; null for what is no such name.

    Raises:
        UserError: there is none, or its files can't be had.
    """
    problem, sign, of = name.partition("@")
    if not sign or "/" in name or Path(name).exists():
        return None
    registry = Registry.read(problem)
    if re.fullmatch(r"v\d+\.\d+\.\d+.*", of):
        return bundle(problem, registry.version(of))
    line = registry.line(of)
    if not line:
        raise UserError(
            f"{name}: no model is on that stage; `python -m flows.promote {problem} --stage {of}` "
            "puts one there"
        )
    return bundle(problem, line[-1])


def main(argv: list[str] | None = None) -> int:
    """Prints the folder of a model that has a name here."""
    parser = argparse.ArgumentParser(prog="python -m flows.versions.registry", description=__doc__)
    parser.add_argument("name", help="such as pets@production or pets@v1.2.0")
    name = parser.parse_args(argv).name
    try:
        folder = named(name)
        if folder is None:
            raise UserError(f"{name}: expected PROBLEM@STAGE or PROBLEM@VERSION")
    except UserError as error:
        complain(error)
        return 1
    say(str(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
