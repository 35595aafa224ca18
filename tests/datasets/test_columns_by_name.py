"""Features by name: another order is put right, other columns are listed."""

import numpy as np
import pytest
from data_files import labels_of, write, write_npz

from fastnet.datasets import load, save
from fastnet.datasets.columns import Wanted


def arrow(path, columns):
    pa = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet").write_table(pa.table(columns), path)
    return path


def a_file(folder, kind):
    if kind == "csv":
        return write(folder / "t.csv", "b,kind,a\n1.5,yes,2\n3,no,4\n")
    if kind == "npz":
        return write_npz(folder / "t.npz", X=[[1.5, 2], [3, 4]], y=["yes", "no"], feature_names=["b", "a"])
    return arrow(folder / "t.parquet", {"b": [1.5, 3], "kind": ["yes", "no"], "a": [2, 4]})


@pytest.mark.parametrize("kind", ["csv", "npz", "parquet"])
@pytest.mark.parametrize("names", [("a", "b"), ["b", "a"], None, 2])
def test_features_come_in_the_order_that_is_asked_for(tmp_path, kind, names):
    data = load(a_file(tmp_path, kind), label="kind", features=names)
    assert data.feature_names == (tuple(names) if isinstance(names, tuple | list) else ("b", "a"))
    expected = {"b": [1.5, 3], "a": [2, 4]}
    assert data.X.T.tolist() == [expected[name] for name in data.feature_names]
    assert data.X.flags.c_contiguous
    assert labels_of(data) == ["yes", "no"]


@pytest.mark.parametrize("kind", ["csv", "npz", "parquet"])
def test_other_features_are_listed(tmp_path, kind):
    path = a_file(tmp_path, kind)
    with pytest.raises(ValueError, match="missing column 'c' and unknown column 'b'; expected 'a', 'c'") as error:
        load(path, label="kind", features=("a", "c"))
    assert str(error.value).startswith(str(path))
    for label in ("kind", "other"):
        with pytest.raises(ValueError, match="missing column"):
            load(path, label=label, require_labels=False, features=("a", "b", "c"))


def test_arrays_of_both_parts_are_put_right(tmp_path):
    path = write_npz(tmp_path / "t.npz", X=[[1, 2], [3, 4]], X_test=[[5, 6]], feature_names=["b", "a"])
    data = load(path, require_labels=False, features=("a", "b"))
    assert (data.X.tolist(), data.X_test.tolist()) == ([[2, 1], [4, 3]], [[6, 5]])
    np.savez(path, X=np.eye(2, dtype=np.uint8), feature_names=["b", "a"])
    assert isinstance(load(path, require_labels=False, mmap=True, features=("b", "a")).X, np.memmap)
    with pytest.raises(ValueError, match="features in another order cannot be mapped"):
        load(path, require_labels=False, mmap=True, features=("a", "b"))
    np.savez(path, X=np.eye(3))
    with pytest.raises(ValueError, match="3 features, expected 2: 'a', 'b'"):
        load(path, require_labels=False, features=("a", "b"))


def test_copies_are_kept_in_the_order_that_is_asked_for(tmp_path):
    path = a_file(tmp_path, "csv")
    for names in (("a", "b"), ("b", "a"), ("a", "b"), ("a", "b")):
        data = load(path, label="kind", cache=True, features=names)
        assert (data.feature_names, data.label_name) == (names, "kind")
        assert data.X[0].tolist() == [{"b": 1.5, "a": 2}[name] for name in names]


@pytest.mark.parametrize(("label", "expected"), [("kind", "kind"), (1, "kind"), ("-2", "kind"), ("a", "a")])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_name_of_the_label_column_is_known(tmp_path, kind, label, expected):
    path = write(tmp_path / "t.csv", "b,kind,a\n1,3,2\n3,1,4\n")
    path = path if kind == "csv" else arrow(tmp_path / "t.parquet", {"b": [1, 3], "kind": [3, 1], "a": [2, 4]})
    data = load(path, label=label)
    assert data.label_name == expected
    save(tmp_path / "u.npz", data)
    assert load(tmp_path / "u.npz").label_name == expected


def test_the_first_label_that_is_there_counts(tmp_path):
    path = write(tmp_path / "t.csv", "label,kind,a\n1,5,2\n0,6,4\n")
    for label, expected in ((("kind", "label"), "kind"), (("other", "label"), "label"), (("x", 0), "label")):
        assert load(path, label=label).label_name == expected
    with pytest.raises(ValueError, match="no label column 'x'"):
        load(path, label=("x", "y"))


@pytest.mark.parametrize("cells", [["", ""], ["?", ""], ["1e99", "text"], ["-1", "0.5"], ["2020-01-01", "2020-01-02"]])
def test_labels_that_are_dropped_may_be_anything(tmp_path, cells):
    path = write(tmp_path / "t.csv", f"b,kind,a\n1.5,{cells[0]},2\n3,{cells[1]},4\n")
    data = load(path, label="kind", drop_labels=True, features=("a", "b"))
    assert (data.y, data.label_name, data.X.tolist()) == (None, None, [[2, 1.5], [4, 3]])
    table = arrow(tmp_path / "t.parquet", {"kind": [None, {"x": 1}], "a": [2, 4]})
    assert load(table, label="kind", drop_labels=True).X.tolist() == [[2], [4]]


def test_columns_of_the_same_name_are_refused_in_arrow_too(tmp_path):
    pa = pytest.importorskip("pyarrow")
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2]), pa.array([0])], names=["a", "a", "label"])
    pytest.importorskip("pyarrow.parquet").write_table(table, tmp_path / "t.parquet")
    with pytest.raises(ValueError, match="duplicated column names: 'a', expected each once"):
        load(tmp_path / "t.parquet")


@pytest.mark.parametrize("values", [[{"x": 1}, None], [None, [1]], [b"x", None], [None, "x"]])
def test_columns_with_gaps_that_cannot_be_features_are_called_so(tmp_path, values):
    path = arrow(tmp_path / "t.parquet", {"label": [0, 1], "odd": values})
    with pytest.raises(TypeError, match=r"column 'odd' of type .*, expected numbers"):
        load(path)


def test_an_index_is_a_feature_where_its_name_is_wanted(tmp_path):
    path = write(tmp_path / "t.csv", "Unnamed: 0,a,label\n7,1,0\n8,2,1\n")
    assert load(path).feature_names == ("a",)
    assert load(path, features=("a", "Unnamed: 0")).X.tolist() == [[1, 7], [2, 8]]


def test_many_columns_keep_their_order():
    names = [f"c{i}" for i in range(20_000)]
    column, features = Wanted(("label",), True, tuple(names[::-1])).choose([*names, "label"], [], "here")
    assert column == 20_000
    assert features == list(range(20_000))[::-1]
