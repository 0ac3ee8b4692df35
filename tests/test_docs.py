"""The docs run as they stand."""

import re
from pathlib import Path

from tasks.__main__ import main

ROOT = Path(__file__).parents[1]


def test_the_library_s_page_runs(tree, capsys):
    assert main(["download", "sample_pets"]) == 0
    page = (ROOT / "docs" / "library.md").read_text()
    code = "\n".join(re.findall(r"```python\n(.*?)```", page, re.S))
    exec(compile(code, "docs/library.md", "exec"), {})
    said = capsys.readouterr().out
    assert "its input float32 [3, 64, 64]" in said and "reader: files" in said
    assert Path("batch.png").exists() and Path("bands.png").exists()
