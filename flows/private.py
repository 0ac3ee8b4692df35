"""Keeps DVC's settings and state this user's: `python -m flows.private`, run by `make setup`.

By itself DVC keeps what it knows of files in `/var/tmp/dvc`, where all users of a machine may
write, and reads pickles there, which run whatever code they hold. Passwords of remotes belong into
`.dvc/config.local`, which git does not take; DVC lets others read it.
"""

import os
import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from flows.finding import Finding
from onecycle.errors import UserError
from onecycle.paths import main_tree
from onecycle.progress import complain

CONFIG, LOCAL = Path(".dvc/config"), Path(".dvc/config.local")
OTHERS = stat.S_IRWXG | stat.S_IRWXO
# Read so, for each run asks: by DVC's own Config it took .3 s more on busy cores.
KEPT_IN = re.compile(r"^\s*site_cache_dir\s*=\s*[\"']?(.+?)[\"']?\s*$", re.MULTILINE)
REMOTE = re.compile(r"""^\s*\['?remote "(.+)"'?\]""")
# What DVC's remotes call what is secret; `ask_password` is none, and no key's file.
SECRET = re.compile(
    r"^\s*(password|passphrase|connection_string|\w*secret\w*|\w*token|account_key)\s*=\s*\S"
)
LOGIN = re.compile(r"^\s*url\s*=.*://[^/@]*:[^/@]*@")


def main() -> int:
    """Makes what is not private so."""
    try:
        settle()
    except UserError as error:
        complain(error)
        return 1
    return 0


def settle() -> None:
    """Gives DVC a folder in the main tree for its state, and keeps others out of both.

    A folder that somebody has named, in DVC's settings or its environment, stays, if it is there
    and not everybody's. Linked working trees share the main one's.
    """
    for finding in ours():
        if finding.mend:
            finding.mend()


def ours() -> Iterator[Finding]:
    """What is not private, and can be made so."""
    if CONFIG.parent.is_dir() and not _placed():
        where = "DVC keeps what it knows of files where all users may write"
        yield Finding(f"{where}; from now on in .dvc/tmp/site", _place)
    if LOCAL.exists() and LOCAL.stat().st_mode & OTHERS:
        what = f"{LOCAL}: others may read it, and it may hold passwords; now only you"
        yield Finding(what, lambda: LOCAL.chmod(0o600))


def told() -> Iterator[Finding]:
    """Secrets in what git keeps of DVC's settings; to take them out is a person's affair."""
    remote = ""
    for line in CONFIG.read_text().splitlines() if CONFIG.exists() else []:
        if found := REMOTE.match(line):
            remote = found[1]
        elif SECRET.match(line) or LOGIN.match(line):
            key = line.partition("=")[0].strip()
            yield Finding(
                f"{CONFIG}: {key} of the remote {remote} is a secret, and git keeps this file: "
                f"`dvc remote modify --local {remote} …`, remove it here, and change it where it "
                "was committed"
            )


def site(tree: Path) -> Path:
    """A folder for what DVC knows of a tree's files, made for this user only."""
    folder = tree / ".dvc" / "tmp" / "site"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder


def _placed() -> bool:
    """Whether DVC has been told of a folder that is there, for DVC would make it everybody's."""
    if "DVC_SITE_CACHE_DIR" in os.environ:
        return True
    texts = [path.read_text() for path in (LOCAL, CONFIG) if path.exists()]
    folders = [Path(each) for text in texts for each in KEPT_IN.findall(text)]
    return any(each.is_dir() and not each.stat().st_mode & stat.S_IWOTH for each in folders[:1])


def _place() -> None:
    from dvc.config import Config

    folder = site(main_tree())
    LOCAL.touch(0o600)
    with Config.from_cwd(validate=False).edit("local", validate=False) as settings:
        settings.setdefault("core", {})["site_cache_dir"] = str(folder)


if __name__ == "__main__":
    sys.exit(main())
