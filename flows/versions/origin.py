"""Promotions that clones share: git's remote is asked before, and told all at once after."""

from dvc.exceptions import DvcException
from dvc.repo import Repo

from flows.versions.registry import LostError
from flows.versions.revisions import git
from onecycle.errors import UserError
from onecycle.foreign import masked
from onecycle.paths import main_tree


def pull_tags(problem: str, remote: str) -> None:
    """Brings what others have promoted.

    Raises:
        UserError: the remote does not answer, or a tag is another there.
    """
    wanted = (f"refs/tags/{problem}{sign}*:refs/tags/{problem}{sign}*" for sign in "@#")
    git("fetch", "--no-tags", remote, *wanted)


def push(commit: str, tags: list[str], remote: str) -> None:
    """Sends a promotion: first the model's data, if DVC has a remote; all tags, or none of them.

    Tags that the remote does not take are removed here too.

    Raises:
        LostError: another clone has promoted meanwhile.
        UserError: a remote does not take it.
    """
    try:
        with Repo(str(main_tree()), _wait_for_lock=True) as repo:
            if repo.config["core"].get("remote"):
                repo.push(revs=[commit], workspace=False)
        git("push", "--atomic", remote, *(f"refs/tags/{tag}" for tag in tags))
    except BaseException as error:
        for tag in tags:
            git("update-ref", "-d", f"refs/tags/{tag}")
        if not isinstance(error, (DvcException, UserError, OSError)):
            raise
        if "already exists" in str(error):
            raise LostError(
                f"another clone has promoted meanwhile, see `git fetch {remote} --tags`; run again"
            ) from error
        raise UserError(
            f"the promotion is taken back, for it could not be pushed: {masked(str(error))}"
        ) from error
