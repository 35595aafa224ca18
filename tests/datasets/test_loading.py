"""What all readers of data have in common, files damaged at random, and the split into two parts."""

import gzip
import io
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from data_files import RELAXED, assert_fails, assert_one_line, assert_valid, idx_bytes, npy_bytes, write
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fastnet.datasets import Dataset, load, load_digits, read_csv, read_idx, stratified_split


def test_import_loads_neither_scikit_learn_nor_numba():
    code = "import fastnet.datasets, sys; print({'sklearn', 'numba', 'pandas', 'pyarrow'} & set(sys.modules))"
    root = Path(__file__).parents[2]
    actual = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert actual.stdout.strip() == "set()"


def test_digits_are_small_integers_with_ten_classes():
    data = load()
    assert_valid(data)
    assert (data.X.shape, data.X.dtype, data.X.max()) == ((1797, 64), np.uint8, 16)
    assert (data.n_classes, data.image_shape, data.name) == (10, (8, 8), "digits")
    assert data.X_test is None
    assert np.array_equal(load_digits().y, data.y)


def test_classes_are_counted_over_both_parts():
    y, y_test = np.array([0, 1], np.int32), np.array([4], np.int32)
    X = np.zeros((2, 1), np.float32)
    assert Dataset(X, y, X[:1], y_test).n_classes == 5
    with pytest.raises(ValueError, match="no labels"):
        _ = Dataset(X).n_classes


@pytest.mark.parametrize("name", ["a.csv", "a.npz", "a.npy", "images-idx3-ubyte", "a", "a.csv.gz"])
def test_missing_file_is_named(tmp_path, name):
    with pytest.raises(FileNotFoundError) as error:
        load(tmp_path / name)
    assert_fails(error, tmp_path / name, "no such file")


@pytest.mark.parametrize("reader", [read_csv, read_idx])
def test_directory_where_a_file_is_expected(tmp_path, reader):
    with pytest.raises(IsADirectoryError) as error:
        reader(tmp_path)
    assert_fails(error, tmp_path, "expected a file")


def test_unreadable_file_keeps_its_type_and_names_the_path(tmp_path, monkeypatch):
    def refuse(path, mode):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(PermissionError) as error:
        load(tmp_path / "a.csv")
    assert_fails(error, tmp_path / "a.csv", "Permission denied")


@pytest.mark.parametrize("name", ["a.txt", "a", "a.tar.gz"])
def test_unknown_format_lists_the_known_ones(tmp_path, name):
    path = write(tmp_path / name, "hello, world\n")
    with pytest.raises(ValueError, match="unknown format") as error:
        load(path)
    assert_fails(error, path, ".csv", ".npz", ".npy", "IDX")


@pytest.mark.parametrize("name", ["a.csv", "a.npz", "a.npy", "a.idx", "b-idx3-ubyte", "a"])
def test_empty_file_is_refused_by_every_reader(tmp_path, name):
    path = write(tmp_path / name, b"")
    with pytest.raises(ValueError, match=r"expected|damaged") as error:
        load(path)
    assert_fails(error, path)


def test_content_counts_more_than_the_name(tmp_path):
    X = np.arange(12, dtype=np.uint8).reshape(3, 4)
    for name, content in (
        ("a.csv", npy_bytes(X)),
        ("b.npz", idx_bytes(X)),
        ("c", gzip.compress(idx_bytes(X))),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        assert np.array_equal(load(path, require_labels=False).X, X)


# Damage at random


def samples():
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 256, (9, 4, 4), dtype=np.uint8), rng.integers(0, 3, 9)
    npz = io.BytesIO()
    np.savez_compressed(npz, x_train=X, y_train=y, x_test=X, y_test=y)
    csv = "label," + ",".join(f"pixel{i}" for i in range(16)) + "\n"
    csv += "\n".join(",".join(map(str, [label, *row])) for label, row in zip(y, X.reshape(9, 16), strict=True))
    return {
        "a-idx3-ubyte.gz": gzip.compress(idx_bytes(X), mtime=0),
        "a-idx3-ubyte": idx_bytes(X),
        "a.npz": npz.getvalue(),
        "a.npy": npy_bytes(X),
        "a.csv": csv.encode(),
        "a.csv.gz": gzip.compress(csv.encode(), mtime=0),
        "names.csv": re.sub("^", "class ", csv, flags=re.MULTILINE).replace("class label", "label").encode(),
        "rows.csv": csv.partition("\n")[2].encode(),
    }


@pytest.mark.parametrize("name", sorted(samples()))
@settings(RELAXED, max_examples=150)
@given(data=st.data())
def test_damaged_file_is_a_value_error_or_a_sound_dataset(tmp_path, name, data):
    content = bytearray(samples()[name])
    for position in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=3), label="flips"):
        content[position] ^= 1 << data.draw(st.integers(0, 7))
    del content[data.draw(st.integers(0, len(content)) | st.just(len(content)), label="cut") :]
    path = tmp_path / name
    path.write_bytes(content)
    # A damaged .npy header can name another dtype, which is rightly a TypeError.
    allowed = (ValueError, TypeError) if name.endswith(".npy") else ValueError
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*: line 1: read as column names", UserWarning)
            actual = load(path, require_labels=False)
    except allowed as error:
        assert_one_line(str(error), path)
    else:
        assert_valid(actual)


# Splitting


@RELAXED
@given(
    y=hnp.arrays(np.int32, st.integers(2, 60), elements=st.integers(0, 4)),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 9),
)
def test_split_gives_every_class_its_share(y, fraction, seed):
    counts = np.bincount(y)
    if counts.max() < 2:
        with pytest.raises(ValueError, match="two or more"):
            stratified_split(y, fraction, seed)
        return
    train, test = stratified_split(y, fraction, seed)
    assert train.dtype == test.dtype == np.int64
    assert np.array_equal(np.sort(np.concatenate([train, test])), np.arange(y.size))
    assert (np.diff(train) > 0).all()
    assert (np.diff(test) > 0).all()
    for label, count in enumerate(counts):
        expected = min(max(1, round(fraction * count)), count - 1) if count >= 2 else 0
        assert np.count_nonzero(y[test] == label) == expected


def test_split_follows_its_seed():
    y = np.arange(200) % 7
    first, again, other = (stratified_split(y, 0.25, seed)[1] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan")])
def test_split_fraction_outside_zero_to_one(fraction):
    with pytest.raises(ValueError, match=r"fraction: got .*, expected a number between 0 and 1"):
        stratified_split([0, 0, 1, 1], fraction, 0)


def test_split_of_missing_or_unusable_labels():
    with pytest.raises(TypeError, match="y: expected labels, got None"):
        stratified_split(None, 0.5, 0)
    with pytest.raises(TypeError, match="y: labels of dtype"):
        stratified_split(["a", "b"], 0.5, 0)
    with pytest.raises(ValueError, match="y: label -1 in row 1"):
        stratified_split([0, -1], 0.5, 0)
    with pytest.raises(ValueError, match="two or more"):
        stratified_split([], 0.5, 0)


def test_what_rounding_leaves_of_a_count_goes_to_the_largest_remainders():
    y = np.repeat([0, 1, 2], [10, 3, 7])  # whose shares of 5 are 2.5, 0.75 and 1.75
    _, test = stratified_split(y, count=5, seed=0)
    assert np.bincount(y[test]).tolist() == [2, 1, 2]


@pytest.mark.parametrize("count", [1, 2, 50, 95, 96, 97])
def test_split_by_count_follows_the_sizes_of_classes(count):
    y = np.repeat([0, 1, 2], [10, 30, 60])
    train, test = stratified_split(y, count=count, seed=0)
    assert (len(train), len(test)) == (100 - count, count)
    taken = np.bincount(y[test], minlength=3)
    assert (taken <= [9, 29, 59]).all()
    if count <= 95:
        assert (abs(taken - count * np.array([0.1, 0.3, 0.6])) < 1.5).all()
    np.testing.assert_array_equal(stratified_split(y, count=count, seed=0)[1], test)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"count": 0}, "count: got 0, expected 1 to 2"),
        ({"count": 3}, "count: got 3"),
        ({}, "expected one of them"),
        ({"count": 1, "fraction": 0.5}, "expected one of them"),
    ],
)
def test_split_by_count_that_leaves_a_class_empty(arguments, words):
    with pytest.raises(ValueError, match=words):
        stratified_split([0, 0, 1, 1], **arguments)
