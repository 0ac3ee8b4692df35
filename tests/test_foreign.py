"""Text from outside: printed it steers no terminal, in a CSV file it is no formula."""

import unicodedata

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onecycle.foreign import one_line, shown, write_csv


@given(st.text(st.characters(codec=None)))
def test_what_is_shown_can_be_printed_and_steers_nothing(text):
    out = shown(text)
    out.encode("utf-8")
    assert not [each for each in out if unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp")][
        : -out.count("\n") or None
    ]
    assert len(one_line(text).splitlines()) <= 1


@given(st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs"))))
def test_ordinary_text_is_shown_as_it_is(text):
    assert shown(text) == text


@pytest.mark.parametrize(
    ("text", "expected"), [("\x1b[2J", "\\x1b[2J"), ("\u202ex", "\\u202ex"), ("\udcff", "\\udcff")]
)
def test_what_steers_is_spelt_out(text, expected):
    assert shown(text) == expected


CELLS = {
    "=1+1": "'=1+1",
    "-x": "'-x",
    "@a": "'@a",
    "+SUM(A1)": "'+SUM(A1)",
    "\t=1": "'\t=1",
    "\uff1d1": "'\uff1d1",
    "-1": "-1",
    "+1.5e3": "+1.5e3",
    "a=b": "a=b",
    "": "",
}


def test_a_formula_gets_an_apostrophe_and_numbers_stay(tmp_path):
    frame = pd.DataFrame({"=name": list(CELLS), "value": [-float(at) for at in range(len(CELLS))]})
    write_csv(tmp_path / "a.csv", frame)
    read = pd.read_csv(tmp_path / "a.csv", dtype={"'=name": str}, keep_default_na=False)
    assert list(read["'=name"]) == list(CELLS.values())
    assert list(read["value"]) == list(frame["value"])
