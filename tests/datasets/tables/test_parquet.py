"""Tables as Parquet."""

import builtins

import numpy as np
import pytest
from data_files import write

from fastnet.datasets import load


def write_parquet(path, columns):
    pa = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet").write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize(
    ("columns", "dtype", "expected"),
    [
        ({"a": [0, 255], "b": [1, 2]}, np.uint8, [[0, 1], [255, 2]]),
        ({"a": [True, False], "b": [1, 2]}, np.uint8, [[1, 1], [0, 2]]),
        ({"a": [0, 256], "b": [1, 2]}, np.float32, [[0, 1], [256, 2]]),
        ({"a": np.float32([0.5, 2]), "b": [1, 2]}, np.float32, [[0.5, 1], [2, 2]]),
        ({"a": [0.5, 0.1], "b": [1, 2]}, np.float64, [[0.5, 1], [0.1, 2]]),
    ],
)
def test_parquet_columns_become_features(tmp_path, columns, dtype, expected):
    path = write_parquet(tmp_path / "t.parquet", {"label": [1, 0], **columns})
    data = load(path)
    assert (data.X.dtype, data.X.tolist(), data.y.tolist()) == (dtype, expected, [1, 0])
    assert (data.name, data.feature_names) == ("t", ("a", "b"))
    assert load(path, label=0).y.tolist() == [1, 0]


def test_parquet_labels_may_be_text_or_categories(tmp_path):
    pa = pytest.importorskip("pyarrow")
    text = pa.array(["b", "a", "b"])
    for labels in (text, text.dictionary_encode()):
        data = load(write_parquet(tmp_path / "t.parquet", {"kind": labels, "pixel0": [1, 2, 3]}), label="kind")
        assert (data.y.tolist(), data.label_names) == ([1, 0, 1], ("a", "b"))


def test_parquet_categories_of_numbers_are_features(tmp_path):
    pa = pytest.importorskip("pyarrow")
    path = write_parquet(tmp_path / "t.parquet", {"label": [1, 0], "a": pa.array([1.5, 2.0]).dictionary_encode()})
    assert load(path).X.tolist() == [[1.5], [2.0]]


@pytest.mark.parametrize(
    ("columns", "kind", "words"),
    [
        ({"a": [1, 2]}, ValueError, "no label column 'label'; the only column is 'a'; --label"),
        ({"label": [1, 2]}, ValueError, "only the label column"),
        ({"label": [1, None], "a": [1, 2]}, ValueError, r"row 1 \(from 0\), column 'label': empty cell"),
        ({"label": [1, 2], "a": [None, 2.5]}, ValueError, r"row 0 \(from 0\), column 'a': empty cell"),
        ({"label": [1, 2], "a": ["x", "y"]}, TypeError, "column 'a' of type string, expected numbers"),
        ({"label": [1, -2], "a": [1, 2]}, ValueError, "label -2 in row 1"),
        ({"label": [1, 2], "a": [1, np.nan]}, ValueError, r"column 0 \(from 0\): nan"),
        ({"label": np.int64([]), "a": np.int64([])}, ValueError, "at least one row"),
    ],
)
def test_unusable_parquet_says_what_was_expected(tmp_path, columns, kind, words):
    path = write_parquet(tmp_path / "t.parquet", columns)
    with pytest.raises(kind, match=words) as error:
        load(path)
    assert str(error.value).startswith(str(path))


@pytest.mark.parametrize("keep", [4, 12, 100, -1])
def test_damaged_parquet_is_a_value_error(tmp_path, keep):
    path = write_parquet(tmp_path / "t.parquet", {"label": list(range(50)), "a": list(range(50))})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"t\.parquet: damaged Parquet file"):
        load(path)


def test_parquet_without_pyarrow_names_the_package(tmp_path, monkeypatch):
    path = write(tmp_path / "t.parquet", b"PAR1")
    original = builtins.__import__

    def refuse(name, *args):
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return original(name, *args)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ImportError, match="needs pyarrow: pip install pyarrow"):
        load(path)
