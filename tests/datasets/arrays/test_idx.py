"""IDX files, as MNIST comes: alone, beside their labels, and four in a folder."""

import gzip

import numpy as np
import pytest
from data_files import IDX_CODES, RELAXED, assert_fails, assert_valid, idx_bytes, write
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fastnet.datasets import load, read_idx


def mnist_directory(directory, dot=False, suffix=""):
    rng = np.random.default_rng(0)
    arrays = {}
    for part, n in (("train", 7), ("t10k", 3)):
        arrays[f"{part}-images-idx3-ubyte"] = rng.integers(0, 256, (n, 4, 5), dtype=np.uint8)
        arrays[f"{part}-labels-idx1-ubyte"] = rng.permutation(n).astype(np.uint8)
    for name, array in arrays.items():
        name = name.replace("-idx", ".idx") if dot else name
        write(directory / (name + suffix), idx_bytes(array))
    return list(arrays.values())


@RELAXED
@given(data=st.data(), dtype=st.sampled_from(sorted(IDX_CODES)), suffix=st.sampled_from(["", ".gz"]))
def test_idx_array_comes_back(tmp_path, data, dtype, suffix):
    expected = data.draw(hnp.arrays(dtype, hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4)))
    actual = read_idx(write(tmp_path / f"a.idx{suffix}", idx_bytes(expected)))
    assert (actual.shape, actual.dtype) == (expected.shape, expected.dtype)
    assert actual.dtype.isnative
    assert actual.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\0\0\x08", ["expected a magic number of 4 bytes", "found 3"]),
        (b"\0\1\x08\1\0\0\0\1\0", ["not an IDX file", "found 0x00010801"]),
        (b"\0\0\x0a\1\0\0\0\1\0", ["not an IDX file", "found 0x00000a01"]),
        (b"\0\0\x08\0\0", ["0 dimensions", "expected 1 to 4"]),
        (b"\0\0\x08\x05" + b"\0\0\0\1" * 5 + b"\0", ["5 dimensions", "expected 1 to 4"]),
        (b"\0\0\x08\x03\0\0\0\1\0", ["expected 12 bytes", "found 5"]),
        (b"\0\0\x08\x01\0\0\0\5abc", ["truncated", "expected 5 bytes", "found 3"]),
        (b"\0\0\x0c\x01\0\0\0\2abcd", ["truncated", "expected 8 bytes", "found 4"]),
        (b"\0\0\x08\x01\0\0\0\2abcde", ["too long", "expected 2 bytes", "found 5"]),
        (
            b"\0\0\x0e\x03" + b"\xff" * 12 + b"ab",
            ["truncated", f"expected {8 * (2**32 - 1) ** 3}", "found 2"],
        ),
        (b"\0\0\x08\x04\0\0\0\0" + b"\xff" * 12, ["IDX sizes"]),
    ],
)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_broken_idx_says_what_was_expected_and_found(tmp_path, suffix, content, words):
    path = write(tmp_path / f"a-idx3-ubyte{suffix}", content)
    with pytest.raises(ValueError, match="IDX") as error:
        read_idx(path)
    assert_fails(error, path, *words)


@pytest.mark.parametrize("damage", ["cut", "cut early", "flip", "header"])
def test_damaged_gzip_is_a_value_error(tmp_path, damage):
    content = bytearray(gzip.compress(idx_bytes(np.random.default_rng(0).integers(0, 256, 999, np.uint8))))
    if damage.startswith("cut"):
        del content[5 if damage == "cut early" else -20 :]
    else:
        content[len(content) // 2 if damage == "flip" else 2] ^= 0xFF
    path = tmp_path / "a.gz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="damaged gzip") as error:
        read_idx(path)
    assert_fails(error, path)


@pytest.mark.parametrize("dot", [False, True])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_directory_of_four_idx_files(tmp_path, dot, suffix):
    X, y, X_test, y_test = mnist_directory(tmp_path, dot, suffix)
    data = load(tmp_path)
    assert_valid(data)
    assert (data.X.dtype, data.image_shape, data.name) == (np.uint8, (4, 5), tmp_path.name)
    assert np.array_equal(data.X, X.reshape(7, 20))
    assert np.array_equal(data.X_test, X_test.reshape(3, 20))
    assert np.array_equal(data.y, y)
    assert np.array_equal(data.y_test, y_test)
    assert data.y_test.dtype == np.int32


def test_directory_says_which_idx_file_is_missing(tmp_path):
    mnist_directory(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError) as error:
        load(tmp_path)
    assert_fails(error, tmp_path, "missing t10k-labels-idx1-ubyte (", "MNIST")


@pytest.mark.parametrize("dot", [False, True])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_images_find_the_labels_beside_them(tmp_path, dot, suffix):
    X, y, _, _ = mnist_directory(tmp_path, dot, suffix)
    path = tmp_path / (("train-images.idx3-ubyte" if dot else "train-images-idx3-ubyte") + suffix)
    data = load(path)
    assert np.array_equal(data.X, X.reshape(7, 20))
    assert np.array_equal(data.y, y)
    assert data.X_test is None


def test_images_without_labels_beside_them(tmp_path):
    path = write(tmp_path / "train-images-idx3-ubyte", idx_bytes(np.ones((2, 3, 3), np.uint8)))
    assert load(path, require_labels=False).y is None
    with pytest.raises(ValueError, match="no labels") as error:
        load(path)
    assert_fails(error, path)


def test_idx_labels_alone_are_not_features(tmp_path):
    path = write(tmp_path / "train-labels-idx1-ubyte", idx_bytes(np.ones(2, np.uint8)))
    with pytest.raises(ValueError, match="expected the file of images") as error:
        load(path)
    assert_fails(error, path)


def test_idx_labels_of_another_length_than_the_images(tmp_path):
    path = write(tmp_path / "train-images-idx3-ubyte", idx_bytes(np.ones((2, 3, 3), np.uint8)))
    write(tmp_path / "train-labels-idx1-ubyte", idx_bytes(np.ones(5, np.uint8)))
    with pytest.raises(ValueError, match="5 labels for 2 rows") as error:
        load(path)
    assert_fails(error, path)
