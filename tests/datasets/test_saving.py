"""Datasets written and read again, and arrays that are mapped into memory instead of being read."""

import gzip
import io
import itertools
import tracemalloc

import numpy as np
import pytest
from tiers import tiered

from fastnet import SGD, Network, Trainer
from fastnet.datasets import Dataset, load, save
from fastnet.validation.inputs import features


def dataset(dtype=np.uint8, labels=True, test=True, names=None, image_shape=(2, 3)):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (9, 6), dtype=np.uint8) if dtype == np.uint8 else rng.normal(size=(9, 6)).astype(dtype)
    y = np.array([0, 1, 2, 0, 1, 2, 1, 1, 0], np.int32) if labels else None
    return Dataset(
        X[:6], None if y is None else y[:6], X[6:] if test else None, y[6:] if test and labels else None,
        "d", image_shape, None, names,
    )  # fmt: skip


def assert_same(actual, expected, *names):
    for name in ("X", "y", "X_test", "y_test"):
        one, other = getattr(actual, name), getattr(expected, name)
        assert (one is None) == (other is None), name
        if other is not None:
            assert one.dtype == other.dtype, name
            np.testing.assert_array_equal(one, other)
    for name in names:
        assert getattr(actual, name) == getattr(expected, name)


# Written and read again


DTYPES = [np.uint8, np.float32, np.float64]


@tiered(
    ("out", "dtype", "labels", "test"),
    itertools.product(["d.npz", "d.npy", "d"], DTYPES, [True, False], [True, False]),
    lambda out, dtype, labels, test: dtype == np.uint8 or (labels and test),
)
def test_formats_of_arrays_keep_both_parts(tmp_path, out, dtype, labels, test):
    data = dataset(dtype, labels, test)
    assert save(tmp_path / out, data) == []
    assert_same(load(tmp_path / out, require_labels=labels), data, "name", "image_shape")


@tiered(
    ("out", "dtype", "labels"),
    itertools.product(["d.csv", "d.csv.gz", "d.parquet"], DTYPES, [True, False]),
    lambda out, dtype, labels: dtype == np.uint8 or labels,
)
def test_tables_keep_the_training_part(tmp_path, out, dtype, labels):
    if out == "d.parquet":
        pytest.importorskip("pyarrow")
    data = dataset(dtype, labels, test=False)
    assert save(tmp_path / out, data) == []
    actual = load(tmp_path / out, require_labels=labels)
    if dtype == np.float64 and out != "d.parquet":
        assert actual.X.dtype == np.float32  # as all that is read from CSV
        data = Dataset(data.X.astype(np.float32), data.y)
    assert_same(actual, data)
    assert save(tmp_path / out, dataset(dtype, labels)) == ["the test part"]


def test_square_images_are_known_again_from_a_table(tmp_path):
    X = np.arange(8, dtype=np.uint8).reshape(2, 4)
    save(tmp_path / "d.csv", Dataset(X, np.array([0, 1], np.int32), image_shape=(2, 2)))
    assert load(tmp_path / "d.csv").image_shape == (2, 2)


@pytest.mark.parametrize("out", ["d.npz", "d.npy", "d.csv", "d.parquet"])
def test_names_of_classes_are_kept(tmp_path, out):
    if out == "d.parquet":
        pytest.importorskip("pyarrow")
    data = dataset(names=("a b", "c,d", "e"), test=False)
    save(tmp_path / out, data)
    assert_same(load(tmp_path / out), data, "label_names")


def test_names_of_features_are_kept_and_idx_has_no_names(tmp_path):
    data = Dataset(np.eye(2), np.array([0, 1], np.int32), feature_names=("a", "b"), label_names=("c", "d"))
    save(tmp_path / "d.npz", data)
    assert load(tmp_path / "d.npz").feature_names == ("a", "b")
    assert save(tmp_path / "d", data) == ["the names of classes"]


def test_idx_files_may_be_compressed(tmp_path):
    data = dataset()
    save(tmp_path / "d", data, compress=True)
    assert {path.suffix for path in (tmp_path / "d").iterdir()} == {".gz"}
    assert_same(load(tmp_path / "d"), data, "image_shape")


def test_what_cannot_be_written_is_refused(tmp_path):
    data = dataset()
    with pytest.raises(ValueError, match=r"unknown format, expected \.npz"):
        save(tmp_path / "d.txt", data)
    with pytest.raises(ValueError, match="only a folder of IDX files"):
        save(tmp_path / "d.npz", data, compress=True)
    save(tmp_path / "d.npy", data)
    with pytest.raises(ValueError, match=r"d_test_labels\.npy, d_test\.npy beside it would be taken for a part"):
        save(tmp_path / "d.npy", dataset(test=False))
    with pytest.raises(ValueError, match="is a folder with files"):
        save(tmp_path, data)
    named = Dataset(np.eye(2), np.array([0, 1], np.int32), feature_names=("a", "label"))
    with pytest.raises(ValueError, match="a feature is called 'label'"):
        save(tmp_path / "d.csv", named)
    assert not (tmp_path / "d.csv").exists()


# Mapped


@pytest.mark.parametrize("out", ["d.npz", "d.npy"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_saved_features_are_mapped(tmp_path, out, dtype):
    data = dataset(dtype)
    save(tmp_path / out, data)
    mapped = load(tmp_path / out, mmap=True)
    assert isinstance(mapped.X, np.memmap)
    assert isinstance(mapped.X_test, np.memmap)
    assert mapped.X.flags.aligned
    assert not mapped.X.flags.writeable
    assert_same(mapped, data, "image_shape")


def test_members_of_more_than_a_gigabyte_are_aligned_too(tmp_path, monkeypatch):
    monkeypatch.setattr("fastnet.datasets.arrays.npz_writer._LARGE", 1)
    data = dataset(np.float64)
    save(tmp_path / "d.npz", data)
    assert_same(load(tmp_path / "d.npz", mmap=True), data)
    assert_same(load(tmp_path / "d.npz"), data)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.eye(3, dtype=np.int64), "dtype int64 cannot be mapped, expected uint8, float32 or float64"),
        (np.eye(3, dtype=">f4"), "dtype >f4 cannot be mapped"),
        (np.asfortranarray(np.ones((3, 2))), "in Fortran order cannot be mapped"),
        (np.ones(3), r"shape \(3,\) .* cannot be mapped"),
        (np.ones((0, 3)), r"shape \(0, 3\) .* cannot be mapped"),
    ],
)
def test_arrays_that_would_have_to_be_converted_are_not_mapped(tmp_path, array, words):
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", X=array)
    for name in ("a.npy", "a.npz"):
        with pytest.raises(ValueError, match=words) as error:
            load(tmp_path / name, mmap=True, require_labels=False)
        assert str(error.value).startswith(str(tmp_path / name))


def test_compressed_shifted_and_truncated_files_are_not_mapped(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", X=np.eye(2))
    np.savez(tmp_path / "b.npz", X=np.eye(2), y=[0, 1])  # which does not align
    (tmp_path / "c.npy").write_bytes(npy(np.eye(2))[:-1])
    (tmp_path / "e.npy").write_bytes(gzip.compress(npy(np.eye(2))))
    save(tmp_path / "d", dataset())
    for name, words in (
        ("a.npz", "a compressed array cannot be mapped"),
        ("b.npz", "expected a multiple of 8"),
        ("c.npy", "expected 32 bytes of data"),
        ("d", "IDX cannot be mapped"),
        ("e.npy", "a compressed file cannot be mapped"),
    ):
        with pytest.raises(ValueError, match=words):
            load(tmp_path / name, mmap=True, require_labels=False)


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_mapped_features_train_without_a_copy_to_the_same_bits(tmp_path, dtype, backend):
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 256, (4000, 784)).astype(dtype), rng.integers(0, 3, 4000)
    np.save(tmp_path / "x.npy", X)
    mapped = load(tmp_path / "x.npy", mmap=True, require_labels=False).X
    assert np.shares_memory(features("X", mapped, 784, np.dtype(np.float32)), mapped)
    parameters, peaks = [], []
    for inputs in (X, mapped):
        network = Network([784, 4, 3], seed=0, input_scale=1 / 255)
        trainer = Trainer(network, SGD(0.1), batch_size=40, backend=backend, seed=0)
        trainer.fit(inputs[:40], y[:40], epochs=0)  # compiles
        tracemalloc.start()
        trainer.fit(inputs, y, epochs=1)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        parameters.append(network.parameters)
    np.testing.assert_array_equal(*parameters)
    assert max(peaks) < X.nbytes / 1.5
