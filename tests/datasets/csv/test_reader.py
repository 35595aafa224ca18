"""Tables as text: their numbers, their header, and the line and cell of whatever is wrong with them."""

import itertools

import numpy as np
import pytest
from data_files import RELAXED, assert_fails, assert_valid, labels_of, use_pyarrow, write
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tiers import tiered

from fastnet.datasets import load, read_csv


@tiered(
    ("name", "end", "bom", "tail"),
    itertools.product(
        ["train.csv", "train.csv.gz"], ["\n", "\r\n"], ["", "\ufeff"], ["", "{end}", "{end}{end}  {end}"]
    ),
    lambda name, end, bom, tail: (name == "train.csv.gz") == (end == "\n") or not (bom or tail),
)
def test_csv_of_pixels_stays_uint8(tmp_path, name, end, bom, tail):
    lines = ["a,label,b", "0,3,255", "17,0,4"]
    path = write(tmp_path / name, bom + end.join(lines) + tail.format(end=end))
    data = load(path)
    assert_valid(data)
    assert data.X.dtype == np.uint8
    assert data.X.tolist() == [[0, 255], [17, 4]]
    assert labels_of(data) == [3, 0]
    assert (data.name, data.feature_names, data.image_shape) == ("train", ("a", "b"), None)


@pytest.mark.parametrize(
    ("cells", "expected", "dtype"),
    [
        ("0,255", [0, 255], np.uint8),
        ("007,5.0", [7, 5], np.uint8),
        (" 3, 4 ", [3, 4], np.uint8),
        ('"3",4', [3, 4], np.uint8),
        ("0,256", [0, 256], np.float32),
        ("0,-1", [0, -1], np.float32),
        ("0.5,1e3", [0.5, 1000], np.float32),
        ('"0.25",7000', [0.25, 7000], np.float32),
    ],
)
def test_csv_dtype_follows_the_values(tmp_path, cells, expected, dtype):
    data = read_csv(write(tmp_path / "a.csv", f"label,a,b\n1,{cells}\n"))
    assert data.X.dtype == dtype
    assert data.X.tolist() == [expected]


def test_csv_turns_to_float_when_a_late_block_does(tmp_path):
    n = 120_000
    path = write(tmp_path / "a.csv", "a,label,b\n" + "1,2,3\n" * n + "1,100000,0.5\n")
    data = read_csv(path)
    assert data.X.dtype == np.float32
    assert data.X.shape == (n + 1, 2)
    assert (data.X[:n] == [1, 3]).all()
    assert data.X[n].tolist() == [1, 0.5]
    assert labels_of(data)[n] == 100_000


def test_csv_error_in_a_late_block_names_its_line(tmp_path):
    n = 120_000
    path = write(tmp_path / "a.csv", "a,label,b\n" + "1,2,3\n" * n + "1,2,x\n" + "1,2,3\n" * n)
    with pytest.raises(ValueError, match=f"line {n + 2}, column 'b'") as error:
        read_csv(path)
    assert_fails(error, path, "'x'")


def test_csv_header_cells_may_be_quoted(tmp_path):
    data = read_csv(write(tmp_path / "a.csv", '"size, cm","label","b"\n1,2,3\n'))
    assert data.feature_names == ("size, cm", "b")


def test_csv_pixel_columns_of_a_square_have_an_image_shape(tmp_path):
    header = "label," + ",".join(f"pixel{i}" for i in range(9))
    data = read_csv(write(tmp_path / "a.csv", header + "\n" + ",".join("0123456789") + "\n"))
    assert data.image_shape == (3, 3)
    for header, row in (("label,pixel0", "1,2"), ("label,pixel0,pixel1,pixel2,pixel3", "1,2,3,4,0.5")):
        data = read_csv(write(tmp_path / "b.csv", f"{header}\n{row}\n"))
        assert data.image_shape is None, "of one pixel, or of what are no bytes"


def test_csv_without_labels_has_none_when_that_is_allowed(tmp_path):
    path = write(tmp_path / "test.csv", "a,b\n1,2\n3,4\n")
    data = load(path, require_labels=False)
    assert data.y is None
    assert data.X.tolist() == [[1, 2], [3, 4]]
    with pytest.raises(ValueError, match="no label column 'label'") as error:
        load(path)
    assert_fails(error, path, "line 1", "'a', 'b'")


def test_csv_label_column_has_the_name_asked_for(tmp_path):
    data = load(write(tmp_path / "a.csv", "a,b,kind\n1,2,3\n"), label="kind")
    assert labels_of(data) == [3]


def test_csv_long_list_of_columns_is_shortened(tmp_path):
    path = write(tmp_path / "a.csv", ",".join(f"c{i}" for i in range(785)) + "\n")
    with pytest.raises(ValueError, match="785 columns") as error:
        read_csv(path)
    assert_fails(error, path, "'c0'", "...", "'c784'")
    assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", ["empty file"]),
        ("\n1,2\n", ["line 1", "expected a header"]),
        ("label,a\n", ["header without rows"]),
        ("label,a\n\n\n", ["header without rows"]),
        ("label\n1\n", ["line 1", "expected features"]),
        ("label,a,a\n1,2,3\n", ["line 1", "duplicated column names", "'a'"]),
        ("5,0,0\n1,2,3\n", ["line 1", "no label column 'label'", "is all numbers", "expected a position"]),
        ('label,"a\n1,2\n', ["line 1", "header"]),
        (b"label,\xff\n1,2\n", ["line 1", "UTF-8"]),
        ("label,a,b\n1,2,3\n1,two,3\n", ["line 3", "column 'a'", "'two'", "expected a number"]),
        ("label,a\n1,1_000\n", ["line 2", "column 'a'", "'1_000'"]),
        ("label,a\n1,\u0663\n", ["line 2", "column 'a'", "expected a number"]),
        ("label,a,b\n1,2,3\n1,2\n", ["line 3", "2 cells", "expected 3"]),
        ("label,a,b\n1,2,3,4\n", ["line 2", "4 cells", "expected 3"]),
        ("label,a,b\n1,2\n3,1,2,3\n", ["line 2", "2 cells", "expected 3"]),
        ("label,a,b\n1,,3\n", ["line 2", "column 'a'", "empty cell"]),
        ("label,a,b\n1,2, \n", ["line 2", "column 'b'", "empty cell"]),
        ("label,a\n1,2\n\n1,2\n", ["line 3", "blank line"]),
        ("label,a\n\n1,2\n", ["line 2", "blank line"]),
        ("label,a\n1,nan\n", ["line 2", "column 'a'", "'nan'", "expected a finite number"]),
        ("label,a\n1,-inf\n", ["line 2", "column 'a'", "'-inf'", "expected a finite number"]),
        ("label,a\n1,1e39\n", ["line 2", "column 'a'", "'1e39'", "float32"]),
        ("label,a\n1.5,2\n", ["line 2", "'1.5'", "expected an integer from 0"]),
        ("label,a\n1,2\n-1,2\n", ["line 3", "'-1'", "expected an integer from 0"]),
        ("label,a\n3000000000,2\n", ["line 2", "'3000000000'", "expected an integer from 0"]),
        ("label,a\nnan,2\n", ["line 2", "'nan'", "expected an integer from 0"]),
        ("label,a\n1,2\ncat,2\n", ["line 3", "column 'label'", "'cat'"]),
        ("label,a\n,2\n1,2\n", ["line 2", "column 'label'", "empty cell"]),
        ("label,a\ncat,2\n ,2\n", ["line 3", "empty label", "expected the name of a class"]),
        ("label,a\ncat,2\ndog,x\n", ["line 3", "column 'a'", "'x'"]),
        ("label,a\ncat,2\ndog,2,3\n", ["line 3", "3 cells", "expected 2"]),
        ("label,a\ncat,2\n" + "d" * 201 + ",2\n", ["line 3", "long label", "up to 200"]),
        (b"label,a\ncat,2\n\xff,2\n", ["line 3", "is not UTF-8"]),
        ("label,a\n1,2\r1,2\n", ["line 2", "cannot split"]),
        ("label,a\n1,2.5\n1,2.5\r1,2.5\n", ["line 3", "cannot split"]),
        ('label,a\n1,"2\n', ["line 2", "cannot split"]),
        ("label,a\n1," + "z" * 5000 + "\n", ["line 2", "zzz..."]),
    ],
)
@tiered(
    ("parser", "suffix"),
    itertools.product(["one line", "one block", "pyarrow"], [".csv", ".csv.gz"]),
    lambda parser, suffix: (parser == "one block") == (suffix == ".csv.gz"),
)
def test_broken_csv_names_line_and_cell(tmp_path, monkeypatch, suffix, parser, content, words):
    if parser == "one line":
        monkeypatch.setattr("fastnet.datasets.csv.block._BLOCK_BYTES", 1)
    elif parser == "pyarrow":
        use_pyarrow(monkeypatch)
    path = write(tmp_path / f"a{suffix}", content)
    with pytest.raises(ValueError, match=r"expected|cannot|UTF-8") as error:
        read_csv(path)
    assert_fails(error, path, *words)


def test_csv_line_without_end_is_refused_before_it_fills_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("fastnet.datasets.csv.header._MAX_LINE_BYTES", 1000)
    path = write(tmp_path / "a.csv", "label,a\n1,2\n" + "1" * 300_000)
    with pytest.raises(ValueError, match="line 3: longer than 1000 bytes") as error:
        read_csv(path)
    assert_fails(error, path)


@RELAXED
@given(
    X=hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=2, max_dims=2),
        elements=st.floats(-(2.0**99), 2.0**99, width=32),
    ),
    position=st.integers(0, 5),
    end=st.sampled_from(["\n", "\r\n"]),
    quote=st.booleans(),
)
def test_csv_of_floats_comes_back(tmp_path, X, position, end, quote):
    names = [f"c{i}" for i in range(X.shape[1])]
    names.insert(position, "label")
    column = names.index("label")
    rows = [[repr(float(v)) for v in row] for row in X]
    for y, row in enumerate(rows):
        row.insert(column, str(y))
        row[0] = f'"{row[0]}"' if quote else row[0]
    path = write(tmp_path / "a.csv", end.join(",".join(row) for row in [names, *rows]))
    actual = read_csv(path)
    assert_valid(actual)
    assert np.array_equal(actual.X, X)
    assert actual.y.tolist() == list(range(len(X)))


@RELAXED
@given(X=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)), y=st.integers(0, 2**31 - 1))
def test_csv_of_bytes_comes_back(tmp_path, X, y):
    lines = [",".join([*map(str, range(X.shape[1])), "label"])]
    lines += [",".join(map(str, [*row, y])) for row in X.tolist()]
    actual = read_csv(write(tmp_path / "a.csv", "\n".join(lines)))
    assert actual.X.dtype == np.uint8
    assert np.array_equal(actual.X, X)
    assert labels_of(actual) == [y] * len(X)
