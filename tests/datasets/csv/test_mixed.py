"""Columns of text files that hold numbers, words or nothing."""

import numpy as np
import pytest

from fastnet.datasets.csv.dialect import Dialect
from fastnet.datasets.csv.mixed import parse_mixed


def parse(text, **options):
    return parse_mixed(text.encode(), Dialect(), "t.csv", **options)


def test_cells_are_numbers_truths_words_or_gaps():
    table = parse(',n,b,w,e\n0,1e3,True,x,\n1,NA,FALSE,"y\nz",?\n2,-.5,nan,7,null\n')
    assert table.names == ("n", "b", "w", "e")
    assert [cells.content for cells in table.cells] == ["number", "bool", "text", "nothing"]
    np.testing.assert_array_equal(table.column("n").values, [1000, np.nan, -0.5])
    assert table.column("b").values == [True, False, None]
    assert table.column("w").values == ["x", "y\nz", "7"]


def test_what_is_known_of_columns_counts():
    known = {"a": "text", "b": "number", "c": "bool"}
    table = parse("a,b,c\n1,,true\n2,,\n", known=known)
    assert table.column("a").values == ["1", "2"]
    assert np.isnan(table.column("b").values).all()
    assert table.column("c").values == [True, None]
    with pytest.raises(ValueError, match=r"t\.csv: line 3, column 'b': 'x' is text, expected a number"):
        parse("a,b,c\n1,2,true\n2,x,\n", known=known)
    assert parse("a,b,c\n1,2,3\n", keep=lambda names: names[:0:-1]).names == ("c", "b")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "is an empty file"),
        ("\n1\n", "line 1: blank line"),
        ("a,b\n", "a header without rows"),
        ("1,2\n3,4\n", "line 1 is all numbers"),
        ("a,a\n3,4\n", "duplicated column names: 'a'"),
        ("a,b\n1,x\n2\n", "line 3: 1 cells, expected 2"),
        ("a,b\n1,x\n\n2,y\n", "line 3: blank line"),
        ("a,b\n" + "1,x\n" * 20 + "oops,x\n", "line 22, column 'a': 'oops' is text"),
        ("a,b\n1,x\ninf,y\n", "line 3, column 'a': 'inf' expected a finite number"),
        ('a,b\n1,"x\n', "cannot split the row"),
        ("a;b\n1,5;1.5\n", "expected --decimal"),
        ("<!DOCTYPE html><html>", "an HTML page"),
    ],
)
def test_what_is_no_table_is_told_by_its_line(text, error):
    with pytest.raises(ValueError, match=rf"^t\.csv: .*{error}"):
        parse(text)
