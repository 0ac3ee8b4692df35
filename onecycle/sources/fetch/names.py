"""The names of files from outside: which may not be taken, and which mean the same file."""

import re
import unicodedata
from pathlib import PurePosixPath

PART_BYTES = 255  # the longest name that disks take
PATH_BYTES = 1024  # macOS's limit, and enough for any data set
DEPTH = 64  # folders in one another


def fault(name: str) -> str | None:
    """Says what is wrong with a name that is relative to a folder, or None."""
    if name.startswith("/") or re.match("[A-Za-z]:", name) or re.search(r"[\\\0]", name):
        return "is absolute, or holds a backslash or a NUL"
    parts = PurePosixPath(name).parts
    if ".." in parts:
        return "leads upwards"
    try:
        lengths = [len(part.encode()) for part in parts]
    except UnicodeEncodeError:  # tarfile keeps odd bytes as lone surrogates
        return "is no UTF-8"
    if max(lengths, default=0) > PART_BYTES or sum(lengths) + len(parts) > PATH_BYTES:
        return f"is longer than {PART_BYTES} bytes a part, {PATH_BYTES} in all"
    return f"is deeper than {DEPTH} folders" if len(parts) > DEPTH else None


def same(path: PurePosixPath) -> str:
    """What two paths share that some disk takes for one: cases and accents are made alike."""
    return unicodedata.normalize("NFC", str(path)).casefold()
