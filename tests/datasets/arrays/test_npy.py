"""NumPy's files, npz and npy."""

import io
import re
import zipfile

import numpy as np
import pytest
from data_files import assert_fails, assert_valid, npy_bytes, write, write_npz

from fastnet.datasets import load


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_keras_npz_has_both_parts_and_the_image_shape(tmp_path, save):
    rng = np.random.default_rng(0)
    X, X_test = (rng.integers(0, 256, (n, 3, 4), dtype=np.uint8) for n in (5, 2))
    y, y_test = np.array([0, 1, 2, 3, 1]), np.array([2, 0], np.uint8)
    path = tmp_path / "mnist.npz"
    save(path, x_train=X, y_train=y, x_test=X_test, y_test=y_test)
    data = load(path)
    assert_valid(data)
    assert (data.X.dtype, data.image_shape, data.name) == (np.uint8, (3, 4), "mnist")
    assert np.array_equal(data.X, X.reshape(5, 12))
    assert np.array_equal(data.X_test, X_test.reshape(2, 12))
    assert data.y.tolist() == y.tolist()
    assert data.y_test.tolist() == [2, 0]


@pytest.mark.parametrize("key", ["x", "X"])
def test_npz_of_features_and_labels_only(tmp_path, key):
    data = load(write_npz(tmp_path / "a.npz", **{key: np.eye(3)}, y=[0.0, 1.0, 2.0]))
    assert data.X.dtype == np.float64
    assert data.y.tolist() == [0, 1, 2]
    assert data.X_test is None


@pytest.mark.parametrize(
    ("dtype", "scale", "expected"),
    [
        ("bool", 1, np.uint8),
        ("int8", 1, np.uint8),
        ("int64", 1, np.uint8),
        (">u2", 1, np.uint8),
        ("int64", -1, np.float32),
        ("uint16", 256, np.float32),
        ("float16", 1, np.float32),
        (">f4", 1, np.float32),
        ("float32", 1, np.float32),
        ("float64", 1, np.float64),
        ("longdouble", 1, np.float64),
    ],
)
def test_feature_dtypes_become_those_of_the_trainer(tmp_path, dtype, scale, expected):
    X = (np.arange(6).reshape(3, 2) % 2 * scale).astype(dtype)
    data = load(write(tmp_path / "a.npy", npy_bytes(X)), require_labels=False)
    assert_valid(data)
    assert data.X.dtype == expected
    assert np.array_equal(data.X, X)


def test_headers_of_the_second_format_are_read(tmp_path):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.eye(2), version=(2, 0))
    data = load(write(tmp_path / "a.npy", stream.getvalue()), require_labels=False)
    assert np.array_equal(data.X, np.eye(2))


def test_fortran_order_becomes_c_order(tmp_path):
    X = np.asfortranarray(np.arange(12.0).reshape(2, 3, 2))
    data = load(write(tmp_path / "a.npy", npy_bytes(X)), require_labels=False)
    assert data.X.flags.c_contiguous
    assert np.array_equal(data.X, X.reshape(2, 6))


def test_npy_finds_the_labels_beside_it(tmp_path):
    path = write(tmp_path / "a.npy", npy_bytes(np.eye(2, dtype=np.float32)))
    with pytest.raises(ValueError, match=r"expected a_labels\.npy beside it") as error:
        load(path)
    assert_fails(error, path)
    write(tmp_path / "a_labels.npy", npy_bytes(np.array([[1], [0]])))
    assert load(path).y.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("arrays", "kind", "words"),
    [
        ({"a": [1], "b": [2]}, ValueError, ["expected arrays", "found a, b"]),
        ({"X": np.eye(2)}, ValueError, ["no labels"]),
        ({"X": np.eye(2), "y": [0, 1], "y_test": [0]}, ValueError, ["test labels without test features"]),
        ({"X": np.eye(2), "y": [0, 1, 2]}, ValueError, ["3 labels", "2 rows"]),
        ({"X": np.eye(2), "y": [0, -1]}, ValueError, ["label -1 in row 1", "integer from 0"]),
        ({"X": np.eye(2), "y": [0, 0.5]}, ValueError, ["label 0.5 in row 1", "integer from 0"]),
        ({"X": np.eye(2), "y": [np.nan, 1]}, ValueError, ["label nan in row 0"]),
        ({"X": np.eye(2), "y": [0, 2**31]}, ValueError, ["label 2147483648"]),
        ({"X": np.eye(2), "y": np.ones((2, 2))}, ValueError, ["labels of shape (2, 2)"]),
        ({"X": np.eye(2), "y": [b"a", b"b"]}, TypeError, ["labels of dtype |S1", "expected integers"]),
        ({"X": np.eye(2), "y": ["a", ""]}, ValueError, ["empty label"]),
        (
            {"X": np.eye(2), "y": ["a", "b"], "X_test": np.eye(2), "y_test": [0, 1]},
            ValueError,
            ["names in one part and numbers in the other"],
        ),
        ({"X": np.eye(2), "y": [0, 2], "label_names": ["a", "b"]}, ValueError, ["label 2", "only 2 names"]),
        ({"X": np.eye(2), "y": [0, 1], "label_names": ["a", "a"]}, ValueError, ["must be distinct"]),
        ({"X": np.eye(2), "y": [0, 1], "label_names": [1, 2]}, ValueError, ["label_names", "expected a row of text"]),
        ({"X": np.eye(2), "y": [0, 1], "feature_names": ["a"]}, ValueError, ["1 names for 2 features"]),
        ({"X": np.eye(2) * 1j, "y": [0, 1]}, TypeError, ["features of dtype complex128"]),
        ({"X": [["a"]], "y": [0]}, TypeError, ["features of dtype <U1"]),
        ({"X": [1.0], "y": [0]}, ValueError, ["shape (1,)", "expected 2 dimensions"]),
        ({"X": np.ones((1, 1, 1, 1, 1)), "y": [0]}, ValueError, ["expected 2 dimensions"]),
        ({"X": np.ones((0, 3)), "y": []}, ValueError, ["shape (0, 3)", "at least one row"]),
        ({"X": np.ones((3, 0)), "y": [0, 0, 0]}, ValueError, ["shape (3, 0)", "one column"]),
        ({"X": [[1, 2], [3, np.nan]], "y": [0, 1]}, ValueError, ["row 1, column 1", "nan", "finite"]),
        ({"X": [[1, -np.inf], [3, 4]], "y": [0, 1]}, ValueError, ["row 0, column 1", "-inf"]),
        (
            {"X": np.eye(2), "y": [0, 1], "X_test": np.ones((1, 3)), "y_test": [0]},
            ValueError,
            ["3 features in the test part", "expected 2"],
        ),
    ],
)
def test_unusable_arrays_say_what_was_expected(tmp_path, arrays, kind, words):
    path = write_npz(tmp_path / "a.npz", **arrays)
    with pytest.raises(kind) as error:
        load(path)
    assert_fails(error, path, *words)


def test_nan_in_a_later_piece_names_its_row(tmp_path):
    X = np.zeros((5000, 100), np.float32)
    X[4321, 7] = np.nan
    with pytest.raises(ValueError, match="row 4321, column 7"):
        load(write(tmp_path / "a.npy", npy_bytes(X)), require_labels=False)


def test_object_arrays_are_never_unpickled(tmp_path):
    objects = np.array([[{}]], dtype=object)
    npy = write(tmp_path / "a.npy", npy_bytes(objects, allow_pickle=True))
    npz = write_npz(tmp_path / "a.npz", X=objects, y=[0])
    for path in (npy, npz):
        with pytest.raises(ValueError, match="Python objects") as error:
            load(path)
        assert_fails(error, path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x93NUMPY", ["damaged .npy header"]),
        (b"\x93NUMPY\x03\x00\x02\x00{}", ["format version (3, 0)", "expected (1, 0)"]),
        (npy_bytes(np.eye(2))[:-1], ["expected 32 bytes", "found 31"]),
        (npy_bytes(np.eye(2)) + b"x", ["expected 32 bytes", "found 33"]),
        (npy_bytes(np.eye(2)).replace(b"(2, 2), }      ", b"(2, 99999999),}"), ["expected", "found 32"]),
        (npy_bytes(np.eye(2)).replace(b"(2, 2), } ", b"(-2, -2),}"), ["shape (-2, -2)"]),
        (
            npy_bytes(np.empty((0, 2**40, 1))).replace(b", 1), }" + b" " * 13, b", 1" + b"0" * 15 + b")}"),
            ["shape"],
        ),
    ],
)
def test_broken_npy_says_what_was_expected(tmp_path, content, words):
    path = write(tmp_path / "a.npy", content)
    with pytest.raises(ValueError, match=r"npy|expected") as error:
        load(path, require_labels=False)
    assert_fails(error, path, *words)


def test_npz_that_is_no_zip_or_uses_a_rare_method(tmp_path):
    text = write(tmp_path / "a.npz", "not a zip file")
    rare = tmp_path / "b.npz"
    with zipfile.ZipFile(rare, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("X.npy", npy_bytes(np.eye(2)))
    for path, words in ((text, "damaged .npz"), (rare, "expected stored or deflated")):
        with pytest.raises(ValueError, match=re.escape(words)) as error:
            load(path)
        assert_fails(error, path)
