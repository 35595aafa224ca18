"""Tables: which column holds the labels, names of classes, folders as Kaggle's, cached copies."""

import contextlib
import os

import numpy as np
import pytest
from data_files import RELAXED, labels_of, use_pyarrow, write
from hypothesis import given
from hypothesis import strategies as st

from fastnet.datasets import load, read_csv
from fastnet.datasets.csv import block


def same(first, second):
    for name in ("X", "y", "X_test", "y_test"):
        one, other = getattr(first, name), getattr(second, name)
        assert (one is None) == (other is None), name
        if one is not None:
            assert one.dtype == other.dtype, name
            np.testing.assert_array_equal(one, other)
    for name in ("name", "image_shape", "feature_names", "label_names"):
        assert getattr(first, name) == getattr(second, name), name


# The label column


@pytest.mark.parametrize(
    ("label", "expected"), [("b", 2), (1, 2), ("1", 2), (-2, 2), ("-2", 2), (0, 1), ("-1", 3), (2, 3)]
)
def test_label_column_by_name_or_position(tmp_path, label, expected):
    path = write(tmp_path / "a.csv", "a,b,c\n1,2,3\n")
    data = load(path, label=label)
    assert labels_of(data) == [expected]
    assert data.X.tolist() == [[value for value in (1, 2, 3) if value != expected]]
    assert "abc"["123".index(str(expected))] not in data.feature_names


def test_a_name_wins_over_a_position(tmp_path):
    path = write(tmp_path / "a.csv", "a,0,c\n1,2,3\n")
    assert labels_of(load(path, label="0")) == [2]
    assert labels_of(load(path, label=0)) == [1]


@pytest.mark.parametrize("label", [3, -4, "3", "99"])
def test_position_outside_the_table(tmp_path, label):
    path = write(tmp_path / "a.csv", "a,b,c\n1,2,3\n")
    for require in (True, False):
        with pytest.raises(ValueError, match=rf"no label column {label}; .* a position from -3 to 2"):
            load(path, label=label, require_labels=require)


@pytest.mark.parametrize("rows", ["5,0,0\n4,1,255\n", "\ufeff5,0,0\r\n4,1,255\r\n", " 5,0.0,0\n4,1,255"])
def test_first_line_of_numbers_is_a_row(tmp_path, rows):
    data = load(write(tmp_path / "a.csv", rows), label=0)
    assert labels_of(data) == [5, 4]
    assert data.X.tolist() == [[0, 0], [1, 255]]
    assert data.feature_names is None
    unlabelled = load(tmp_path / "a.csv", require_labels=False)
    assert (unlabelled.y, unlabelled.X.tolist()) == (None, [[5, 0, 0], [4, 1, 255]])


def test_first_line_of_numbers_and_the_name_of_a_class_is_a_row(tmp_path):
    data = load(write(tmp_path / "iris.data.csv", "5.1,3.5,setosa\n4.9,3,virginica\n"), label=-1)
    assert data.y.tolist() == [0, 1]
    assert data.label_names == ("setosa", "virginica")
    assert data.X.shape == (2, 2)


@pytest.mark.parametrize("header", ["0,1,2", "kind,0,1"])
def test_numbers_that_pandas_counts_columns_with_are_a_header(tmp_path, header):
    path, few = write(tmp_path / "a.csv", header + "\n3,7,9\n"), header == "0,1,2"
    with pytest.warns(UserWarning, match="a.csv: line 1: read as column names") if few else contextlib.nullcontext():
        data = load(path, label=0)
    assert labels_of(data) == [3]
    assert data.X.tolist() == [[7, 9]]


def test_error_in_a_table_without_header_names_line_and_position(tmp_path):
    path = write(tmp_path / "a.csv", "5,0,0\n4,x,255\n")
    with pytest.raises(ValueError, match="line 2, column '1': 'x' is text"):
        load(path, label=0)
    path = write(tmp_path / "b.csv", "5,0,0\n4,255\n")
    with pytest.raises(ValueError, match="line 2: 2 cells, expected 3 as in the first line"):
        load(path, label=0)


# Names of classes


@pytest.mark.parametrize("column", [0, 1, 2, 3])
@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("fraction", ["", ".5"])
def test_text_in_the_label_column_names_classes(tmp_path, column, quote, fraction):
    names = ["zebra", "Ärger", "7", "ant lion", "zebra"]
    rows = [["1", "2", f"3{fraction}"] for _ in names]
    for row, name in zip(rows, names, strict=True):
        row.insert(column, quote + name + quote)
    header = ["a", "b", "c"]
    header.insert(column, "kind")
    path = write(tmp_path / "a.csv", "\n".join(",".join(row) for row in [header, *rows]))
    data = read_csv(path, "kind")
    assert data.label_names == ("7", "ant lion", "zebra", "Ärger")
    assert data.y.tolist() == [2, 3, 0, 1, 2]
    assert data.X.tolist() == [[1, 2, float(f"3{fraction}")]] * 5
    assert data.n_classes == 4


def test_names_of_classes_in_arrays(tmp_path):
    np.savez(tmp_path / "a.npz", X=np.eye(3), y=["b", "a", "b"], X_test=np.eye(3)[:1], y_test=["a"])
    data = load(tmp_path / "a.npz")
    assert data.label_names == ("a", "b")
    assert (data.y.tolist(), data.y_test.tolist()) == ([1, 0, 1], [0])
    np.savez(tmp_path / "b.npz", X=np.eye(3), X_test=np.eye(3)[:2], y_test=["c", "b"])
    data = load(tmp_path / "b.npz", require_labels=False)
    assert (data.y, data.y_test.tolist(), data.label_names) == (None, [1, 0], ("b", "c"))


# pyarrow reads what loadtxt reads


@RELAXED
@given(
    cells=st.lists(
        st.lists(
            st.sampled_from(
                ["1", "0.1", "-2.5e-3", " 7 ", "+4", ".5", "3.4e38", "16777217", "nan", "1_0", "", "x", '"2"']
            )
            | st.floats(width=64, allow_nan=False, allow_infinity=False).map(repr),
            min_size=1,
            max_size=3,
        ),
        min_size=1,
        max_size=5,
    ),
    end=st.sampled_from(["\n", "\r\n", "\r", "\n\n"]),
)
def test_pyarrow_and_loadtxt_give_the_same_table_or_the_same_error(tmp_path, cells, end):
    path = write(tmp_path / "a.csv", "a,b\n" + end.join(",".join(row) for row in cells))
    outcomes = []
    for arrow in (False, True):
        with pytest.MonkeyPatch.context() as patch:
            if arrow:
                use_pyarrow(patch)
            try:
                X = load(path, require_labels=False).X
                outcomes.append((X.dtype, X.shape, X.tobytes()))
            except ValueError as error:
                outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]


def test_large_tables_of_fractions_are_read_by_pyarrow(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    X = np.random.default_rng(0).normal(size=(3000, 20)).astype(np.float32)
    names = [f"c{column}" for column in range(20)]
    path = write(
        tmp_path / "a.csv", "\n".join(",".join(row) for row in [names, *(map(repr, row) for row in X.tolist())])
    )
    monkeypatch.setattr(block, "_ARROW_AFTER", 1 << 18)
    original, calls = block.parse_floats_by_arrow, []
    monkeypatch.setattr(block, "parse_floats_by_arrow", lambda *a: calls.append(len(a[0])) or original(*a))
    np.testing.assert_array_equal(load(path, require_labels=False).X, X)
    assert 0 < sum(calls) < path.stat().st_size - (1 << 18)


# Folders


def kaggle(folder, test="pixel0,pixel1\n7,8\n"):
    write(folder / "train.csv", "label,pixel0,pixel1\n1,2,3\n0,5,6\n1,0,0\n")
    if test is not None:
        write(folder / "test.csv", test)
    return folder


@pytest.mark.parametrize("label", ["label", 0])
def test_folder_of_two_tables_has_a_test_part_without_labels(tmp_path, label):
    data = load(kaggle(tmp_path), label=label)
    assert data.X.tolist() == [[2, 3], [5, 6], [0, 0]]
    assert data.y.tolist() == [1, 0, 1]
    assert (data.X_test.tolist(), data.y_test) == ([[7, 8]], None)
    assert (data.name, data.feature_names) == (tmp_path.name, ("pixel0", "pixel1"))


def test_folder_of_two_tables_without_headers(tmp_path):
    write(tmp_path / "train.csv", "1,2,9\n0,5,6\n")
    write(tmp_path / "test.csv", "7,9\n")
    assert load(tmp_path, label=0).X_test.tolist() == [[7, 9]]
    write(tmp_path / "test.csv", "0,7,9\n")
    data = load(tmp_path, label=0)
    assert (data.X_test.tolist(), data.y_test.tolist()) == ([[7, 9]], [0])


def test_folder_counts_the_names_of_classes_of_both_tables(tmp_path):
    write(tmp_path / "train.csv", "label,a\noak,1\nelm,2\nfir,2\n")
    write(tmp_path / "test.csv", "label,a\nfir,1\noak,2\n")
    data = load(tmp_path)
    assert data.label_names == ("elm", "fir", "oak")
    assert (data.y.tolist(), data.y_test.tolist()) == ([2, 0, 1], [1, 2])
    write(tmp_path / "test.csv", "label,a\n1,1\n")
    with pytest.raises(ValueError, match="names in one part and numbers in the other"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("test", "words"),
    [
        ("pixel0,pixel2\n1,2\n", "missing column 'pixel1' and unknown column 'pixel2'"),
        ("pixel0\n1\n", "missing column 'pixel1'"),
        ("pixel0,pixel1,id\n1,2,3\n", "unknown column 'id'"),
        ("pixel0,pixel1,id\n1,2,text\n", "unknown column 'id'"),
    ],
)
def test_test_table_with_other_columns(tmp_path, test, words):
    with pytest.raises(ValueError, match=words) as error:
        load(kaggle(tmp_path, test))
    assert str(error.value).startswith(str(tmp_path / "test.csv"))


def test_columns_of_a_test_table_come_in_the_order_of_the_training_table(tmp_path):
    write(tmp_path / "train.csv", "b,kind,a\n1,yes,2\n3,no,4\n")
    write(tmp_path / "test.csv", "kind,a,b\nno,20,10\n")
    for label in ("kind", 1):
        data = load(tmp_path, label=label)
        assert (data.feature_names, data.label_name) == (("b", "a"), "kind")
        assert (data.X_test.tolist(), data.y_test.tolist()) == ([[10, 20]], [0])


def test_folder_of_one_table_has_no_test_part(tmp_path):
    assert load(kaggle(tmp_path, None)).X_test is None


# Copies


def stamp_back(path, seconds=5):
    """Make a file look older, so that the next change shows in its time on every file system."""
    state = path.stat()
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns - seconds * 10**9))


@pytest.fixture
def table(tmp_path):
    path = write(tmp_path / "t.csv", "kind,pixel0,pixel1,pixel2,pixel3\nb,2,3,4,5\na,5,6,7,8\n")
    stamp_back(path)
    return path


def test_copy_is_written_on_request_and_read_the_next_time(table, monkeypatch):
    plain = load(table, label="kind")
    assert [path.name for path in table.parent.iterdir()] == ["t.csv"]
    same(load(table, label="kind", cache=True), plain)
    assert sorted(path.name for path in table.parent.iterdir()) == ["t.csv", "t.csv.fastnet.npz"]
    monkeypatch.setattr("fastnet.datasets.tables.reader.read_columns", None)
    same(load(table, label="kind", cache=True), plain)
    mapped = load(table, label="kind", cache=True, mmap=True)
    assert isinstance(mapped.X, np.memmap)
    same(mapped, plain)


def test_stale_copy_is_not_read(table):
    load(table, label="kind", cache=True)
    write(table, table.read_text().replace("b,2,3", "b,9,3"))
    assert [load(table, label="kind", cache=True).X[0, 0] for _ in range(2)] == [9, 9]


def test_copy_made_for_another_label_column_is_not_read(table):
    write(table, "kind,other\n1,2\n0,3\n")
    assert [labels_of(load(table, label=name, cache=True)) for name in ("kind", "other")] == [[1, 0], [2, 3]]


@pytest.mark.parametrize("damage", [b"", b"PK\3\4", b"no archive", None])
def test_damaged_copy_is_made_anew(table, damage):
    expected = load(table, label="kind", cache=True)
    copy = table.with_name("t.csv.fastnet.npz")
    good = copy.read_bytes()
    copy.write_bytes(good[: len(good) // 2] if damage is None else damage)
    same(load(table, label="kind", cache=True), expected)
    assert copy.read_bytes() == good


def test_folder_keeps_a_copy_of_each_table(tmp_path):
    plain = load(kaggle(tmp_path))
    same(load(tmp_path, cache=True), plain)
    same(load(tmp_path, cache=True), plain)
    assert len(list(tmp_path.glob("*.fastnet.npz"))) == 2


def test_copy_and_map_only_where_they_make_sense(tmp_path, table):
    np.save(tmp_path / "a.npy", np.eye(2))
    with pytest.raises(ValueError, match="is binary already"):
        load(tmp_path / "a.npy", cache=True)
    with pytest.raises(ValueError, match="a table cannot be mapped"):
        load(table, mmap=True)
    (tmp_path / "t.csv").unlink()
    with pytest.raises(FileNotFoundError, match="no such file"):
        load(table, cache=True)
