"""Damage as disks do it, to a file in a copy of its folder."""

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from onecycle.errors import UserError

NUMBERS = itertools.count()


def damaged(content: bytes, every: int) -> Iterator[bytes]:
    """A content with one bit flipped, in one of so many bytes; cut short; with a block of zeros."""
    for at in range(0, len(content), every):
        yield content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :]
    for kept in (0, 1, len(content) // 2, len(content) - 1):
        yield content[:kept]
    third = len(content) // 3
    for start, end in ((0, third), (third, 2 * third), (2 * third, len(content))):
        zeros = content[:start] + bytes(end - start) + content[end:]
        if zeros != content:
            yield zeros


def tell(
    file: Path, folder: Path, read: Callable[[Path], object], record: Callable[[str, object], None]
) -> None:
    """Damages a file in many ways; `read` shall tell of it each time, or see what was written.

    Args:
        file: stays as it is.
        folder: it is in there, or deeper; what is read is a copy of that folder.
        read: given the copy of the folder; what it gives can be compared.
        record: pytest's `record_property`.
    """
    written, content = read(folder), file.read_bytes()
    cases = list(damaged(content, max(1, len(content) // 150)))
    told = 0
    for harmed in cases:
        copy = folder.with_name(f"{folder.name}-{next(NUMBERS)}")
        shutil.copytree(folder, copy, copy_function=os.link)
        target = copy / file.relative_to(folder)
        target.unlink()
        target.write_bytes(harmed)
        try:
            assert read(copy) == written, "other values, silently"
        except UserError as error:
            assert file.name in str(error) and "again" in str(error)
            told += 1
        shutil.rmtree(copy)
    assert told >= 0.7 * len(cases)  # the others are white space, or in the name of the seal
    record("tried", len(cases))
