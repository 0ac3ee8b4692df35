"""Answers to a disk that is full, read-only or gone."""

import os
import subprocess

import numpy as np
import pyarrow as pa
import pytest

from onecycle.errors import DiskError
from onecycle.predict import batch
from onecycle.predict.batch import Job


def job(bytes_a_row: int) -> Job:
    """Twenty rows in parts of five."""

    def make(starts):
        for start in starts:
            text = [os.urandom(bytes_a_row // 2).hex() for _ in range(5)]
            yield pa.table({"row": np.arange(start, start + 5), "text": text}), {"rows": 5}

    return Job(20, 5, make, "key", [])


@pytest.mark.trial("disk", "a real disk of 2 MB that fills up while answers are written",
                   "told in bytes; with room the run goes on and the file is whole")  # fmt: skip
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
@pytest.mark.parametrize("bytes_a_row", [150_000, 300_000])  # full at the end, at a part
def test_answers_that_do_not_fit_are_told(disk, capsys, suffix, bytes_a_row):
    out = disk / f"out{suffix}"
    out.write_text("before")
    said = r"cannot be written \(No space left on device\): .*are free on its disk"
    with pytest.raises(DiskError, match=said):
        batch.run(job(bytes_a_row), out)
    assert out.read_text() == "before"
    subprocess.run(["mount", "-o", "remount,size=90m", str(disk)], check=True)
    assert batch.run(job(bytes_a_row), out)["rows"] == 20
    assert "goes on" in capsys.readouterr().out
    assert {each.name for each in disk.iterdir()} == {out.name, f"{out.name}.histograms.json"}


@pytest.mark.trial("disk", "answers to a disk that is read-only", "told in words")
def test_answers_to_a_read_only_disk_are_told(disk):
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(DiskError, match=r"out.csv: cannot be written \(Read-only file system\)"):
        batch.run(job(9), disk / "out.csv")
