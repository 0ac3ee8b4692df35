"""Files that are no params.yaml: refused in words, whatever is wrong with them."""

from pathlib import Path

import pytest

from onecycle.errors import UserError
from onecycle.params import PARAMS_FILE, read_yaml
from tasks import problems


def spoilt(text: str) -> dict[str, bytes]:
    """Broken versions of a good params.yaml."""
    good = text.encode()
    expanded = "".join(f"{a}: &{a} [{', '.join(f'*{b}' for _ in range(9))}]\n" for a, b in
                       zip("bcdefghi", "abcdefgh", strict=True))  # fmt: skip
    return {
        "a byte of latin-1": b"# caf\xe9\n" + good,
        "a NUL": good + b"\0",
        "a control character": good + b"# \x07",
        "a tab as indent": good.replace(b"  sample_pets:", b"\tsample_pets:"),
        "a key twice": good + b"\nthreads: 2\n",
        "nothing": b"",
        "a list": b"- a\n",
        "NaN": good.replace(b"valid: 0.2", b"valid: .nan", 1),
        "infinity": good.replace(b"valid: 0.2", b"valid: .inf", 1),
        "a number of 5,000 digits": good.replace(b"size: 80", b"size: 1" + b"0" * 5000),
        "lists 5,000 deep": b"a: " + b"[" * 5000,
        "mappings 3,000 deep": b"{a: " * 3000,
        "an alias of nothing": b"a: *b\n",
        "an alias of itself": b"a: &a [*a]\n",
        "aliases of aliases": b"a: &a [x, x, x]\n" + expanded.encode(),
        "a tag that runs code": b"a: !!python/object/apply:os.system ['true']\n",
        "a date that is none": b"a: 2001-99-99\n",
        "a number as key": b"1: 2\n",
        "a list as key": b"? [a, b]\n: 1\n",
        "no problems": b"run: []\nproblems:\n",
        "two documents": good + b"\n---\na: 1\n",
        "a number that is none": b"a: !!int x\n",
        "unquoted 01 as a name": good.replace(b"test: ['02',", b"test: [02,"),
    }


@pytest.mark.trial("params", "bytes, numbers, depth, aliases or tags that make no sense", "refused")
@pytest.mark.parametrize("what", spoilt(""))
def test_what_makes_no_sense_is_refused_in_words(tree, what):
    path = Path("params.yaml")
    path.write_bytes(spoilt(path.read_text())[what])
    with pytest.raises(UserError, match=r"params\.yaml") as caught:
        problems.check(read_yaml(PARAMS_FILE))
    assert len(str(caught.value)) < 2000


@pytest.mark.trial("params", "params.yaml is a folder", "refused")
def test_a_folder_is_no_params_file(tree):
    Path("params.yaml").unlink()
    Path("params.yaml").mkdir()
    with pytest.raises(UserError, match=r"params\.yaml: can't be read: Is a directory"):
        read_yaml(PARAMS_FILE)


@pytest.mark.trial("params", "a byte order mark; an anchor; Windows' line ends", "accepted")
@pytest.mark.parametrize(
    ("old", "new"), [("run:", "\ufeffrun:"), ("threads: 1", "threads: &a 1"), ("\n", "\r\n")]
)
def test_harmless_oddities_are_accepted(tree, old, new):
    path = Path("params.yaml")
    text = path.read_text()
    lines = text[text.index("run:") :]
    path.write_bytes(lines.replace(old, new, 1 if old != "\n" else -1).encode())
    assert problems.check(read_yaml(PARAMS_FILE)).threads == 1
