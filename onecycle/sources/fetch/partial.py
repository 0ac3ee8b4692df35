"""A download that may break off: tried again, and gone on with where it was."""

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

from onecycle.errors import UserError
from onecycle.paths import read_json, remove, write_json
from onecycle.progress import say, transfer
from onecycle.sources.fetch import disk
from onecycle.sources.fetch.web import Answer, Failure, ask, shown

TRIES = 5
BACKOFF_S = 1.0  # before the second try; twice as long before each later one
LONGEST_WAIT_S = 120.0  # a server that asks to wait longer is not waited for
UNPINNED = 32 << 30  # the most bytes of a file whose size params.yaml does not tell


@dataclass(frozen=True)
class Partial:
    """The bytes that have come, and a note of what they are; both beside the target.

    Only where the server names its content's state, by a strong `ETag` or `Last-Modified`, are
    they gone on with, and only for the same url, checksum and size.

    Args:
        target: the file that is to be.
        url: where it comes from.
        checksum: as params.yaml gives it.
        size: as params.yaml gives it, in bytes.
    """

    target: Path
    url: str
    checksum: str | None
    size: int | None

    @property
    def path(self) -> Path:
        """The bytes so far."""
        return self.target.with_name(f"{self.target.name}.partial")

    @property
    def _note(self) -> Path:
        return self.target.with_name(f"{self.target.name}.partial.json")

    @property
    def _wanted(self) -> str:
        """Names what is wanted; a digest, for a url may hold a secret."""
        return hashlib.sha256(f"{self.url}\0{self.checksum}\0{self.size}".encode()).hexdigest()

    def state(self) -> tuple[int, str | None, int | None]:
        """The bytes that have come, their validator and the whole's size; removes what is void."""
        try:
            note, have = read_json(self._note), self.path.stat().st_size
            total: int | None = note["total"]
            if note["wanted"] == self._wanted and have and (total is None or have <= total):
                return have, note["validator"], total
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            pass
        self.remove()
        return 0, None, None

    def begin(self, answer: Answer) -> None:
        """Takes an answer's bytes from here on."""
        if answer.start == 0:
            self.remove()
            self.path.touch()
            if answer.validator:
                note = {"validator": answer.validator, "total": answer.total}
                write_json(self._note, {"wanted": self._wanted, **note})

    def remove(self) -> None:
        """Forgets the bytes."""
        remove(self._note)
        remove(self.path)


def bring(partial: Partial) -> bool:
    """Brings a file's bytes to `partial.path`; tries again what may heal.

    What has come stays when it breaks off, for the next call.

    Returns:
        Whether they were put together from several answers.

    Raises:
        UserError: it cannot be had; or does not fit on the disk.
    """
    name = partial.target.name
    for tried in range(1, TRIES + 1):
        try:
            return _attempt(partial)
        except Failure as failure:
            if failure.anew or not failure.heals:
                partial.remove()
            wait = BACKOFF_S * 2 ** (tried - 1) if failure.wait_s is None else failure.wait_s
            if not failure.heals or tried == TRIES or wait > LONGEST_WAIT_S:
                have, _, _ = partial.state()
                said = f"{shown(partial.url)}: {failure}"
                said += f" (the server asks to wait {wait:,.0f} s)" if wait > LONGEST_WAIT_S else ""
                said += f" (tried {tried} times)" if failure.heals else ""
                said += f"; the {have:,} bytes that came are kept" if have else ""
                raise UserError(said) from failure
            say(f"download {name}: {failure.why}; try {tried + 1} of {TRIES} in {wait:,.0f} s")
        time.sleep(wait)
    raise AssertionError("the last try returns or raises")


def _attempt(partial: Partial) -> bool:
    """Asks once for the bytes that are missing."""
    have, validator, total = partial.state()
    if have and have == (partial.size if total is None else total):
        return True  # it ended between its last byte and its verification
    with ask(partial.url, have, validator) as answer:
        if answer.start and total not in (None, answer.total):
            why = f"the file was {total:,} bytes long and is {answer.total:,} now"
            raise Failure(why, "fetch it again", heals=True, anew=True)
        limit = _limit(partial, answer)
        partial.begin(answer)
        have, whole = answer.start, answer.total or partial.size
        with (
            partial.path.open("ab") as file,
            transfer(f"download {partial.target.name}", whole, have) as tell,
        ):
            for chunk in answer.chunks:
                have += len(chunk)
                if have > limit:
                    remedy = "correct the url, or write its true size as `bytes` in params.yaml"
                    raise Failure(f"more than {limit:,} bytes came", remedy)
                file.write(chunk)
                tell(len(chunk))
        if whole is not None and have < whole:
            why = f"the file ended after {have:,} of {whole:,} bytes"
            raise Failure(why, "fetch it again", heals=True)
        return answer.start > 0


def _limit(partial: Partial, answer: Answer) -> int:
    """The most bytes that the file may have; refuses what is too large before it comes."""
    announced, size = answer.total, partial.size
    if announced is not None and size is not None and announced != size:
        why = f"expected {size:,} bytes, the server announces {announced:,}"
        raise Failure(why, "if it has changed at its source, correct its size in params.yaml")
    whole = announced if size is None else size
    if whole is not None and size is None and whole > UNPINNED:
        why = f"the server announces {whole:,} bytes, more than {UNPINNED:,}"
        raise Failure(why, "if that is right, write its size as `bytes` in params.yaml")
    if whole is not None:
        disk.claim(partial.path, whole - answer.start)
        return whole
    return min(UNPINNED, disk.room(partial.path))
