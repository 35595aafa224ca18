"""The first line of a CSV file: a header, a row, or neither."""

import warnings

import pytest
from data_files import write

from fastnet.datasets import load


@pytest.mark.parametrize("header", ["5.1,3.5,red", "2001,2002,red", "3,1,2,0,5,red", "1.0,red,7"])
def test_a_row_that_becomes_the_header_is_warned_of(tmp_path, header):
    path = write(tmp_path / "a.csv", header + "\n" + ",".join(["1"] * len(header.split(","))) + "\n")
    with pytest.warns(UserWarning, match="line 1: read as column names, '.*', some of which are numbers"):
        assert load(path, label="red").X.shape[0] == 1


@pytest.mark.parametrize(
    "header", ["red,0,1,2", "1,2,3,red", ",7,3,red", "red," + ",".join(f"{400 + i / 2:g}" for i in range(12))]
)
def test_columns_that_are_counted_or_rise_are_a_header(tmp_path, header):
    path = write(tmp_path / "a.csv", header + "\n" + ",".join(["1"] * len(header.split(","))) + "\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load(path, label="red").X.shape[0] == 1


@pytest.mark.parametrize(("sign", "words"), [(";", "3 semicolons"), ("\t", "3 tabs"), ("|", "3 vertical bars")])
@pytest.mark.parametrize("cells", [["label", "a", "b", "c"], ["1", "2", "3", "4"], ["1,5", "2,5", "3,5", "4"]])
def test_another_separator_is_named(tmp_path, sign, words, cells):
    path = write(tmp_path / "a.csv", f"{sign.join('abcd')}\n{sign.join(cells)}\n")
    for required in (True, False):
        with pytest.raises(ValueError, match=f"a.csv: line 1: {words} and no comma, expected cells separated by comma"):
            load(path, require_labels=required)


def test_a_missing_label_column_tells_how_to_name_another(tmp_path):
    for name, text in {"a.csv": "kind,a\n1,2\n", "b.csv": "a\n1\n", "c.csv": "Label,b,c\n0,1,2\n"}.items():
        with pytest.raises(ValueError, match=r"no label column 'label'; .*; --label, or label= in Python, names"):
            load(write(tmp_path / name, text))


def test_a_row_of_repeated_numbers_is_asked_about(tmp_path):
    path = write(tmp_path / "a.csv", "5.1,5.1,red\n4.2,4.2,blue\n")
    with pytest.raises(ValueError, match=r"'5.1', expected each once; or is it a row of data, without a header\?"):
        load(path)
    path = write(tmp_path / "a.csv", "width,width,label\n4.2,4.2,1\n")
    with pytest.raises(ValueError, match=r"column names: 'width', expected each once$"):
        load(path)
