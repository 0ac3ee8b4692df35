"""Checksums as params.yaml writes them, `sha256:…` or `md5:…`, and those of files."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from onecycle.progress import transfer

CHUNK = 1 << 20  # bytes
HEX_DIGITS = {"sha256": 64, "md5": 32}


def valid_checksum(text: str) -> str:
    """Checks how a checksum is written; fit for a pydantic `AfterValidator`.

    Args:
        text: `sha256:` and 64 hexadecimal digits, or `md5:` and 32; in either case of letters.

    Returns:
        The checksum in lower case.

    Raises:
        ValueError: the algorithm is unknown, or its digits are not hexadecimal or not as many.
    """
    algorithm, _, digits = text.lower().partition(":")
    if algorithm not in HEX_DIGITS:
        known = " or ".join(f"{name}:<{count} digits>" for name, count in HEX_DIGITS.items())
        raise ValueError(f"checksum {text!r} names no known algorithm: write it as {known}")
    expected = HEX_DIGITS[algorithm]
    if not re.fullmatch(f"[0-9a-f]{{{expected}}}", digits):
        raise ValueError(
            f"checksum {text!r} is not {algorithm}: and {expected} hexadecimal digits; "
            f"it has {len(digits)} characters there: copy it whole"
        )
    return f"{algorithm}:{digits}"


@dataclass(frozen=True)
class Content:
    """What a file's bytes are known by.

    Args:
        size: in bytes.
        digests: hexadecimal digits of each algorithm in `HEX_DIGITS`.
    """

    size: int
    digests: dict[str, str]

    def checksum_like(self, other: str) -> str:
        """The content's checksum, by the algorithm of a valid checksum."""
        algorithm = other.partition(":")[0]
        return f"{algorithm}:{self.digests[algorithm]}"


def measure(path: Path) -> Content:
    """Counts and hashes a file's bytes."""
    hashes = {name: hashlib.new(name, usedforsecurity=False) for name in HEX_DIGITS}
    size = 0
    with path.open("rb") as file, transfer(f"verify {path.name}", path.stat().st_size) as tell:
        while chunk := file.read(CHUNK):
            size += len(chunk)
            for running in hashes.values():
                running.update(chunk)
            tell(len(chunk))
    return Content(size, {name: running.hexdigest() for name, running in hashes.items()})
