import gzip
import io
import re
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fastnet.datasets import Dataset, load, load_digits, read_csv, read_idx, stratified_split

IDX_CODES = {"uint8": 8, "int8": 9, "int16": 11, "int32": 12, "float32": 13, "float64": 14}
RELAXED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def idx_bytes(array):
    header = bytes([0, 0, IDX_CODES[array.dtype.name], array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def npy_bytes(array, **options):
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def write(path, content):
    content = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(content) if path.name.endswith(".gz") else content)
    return path


def write_npz(path, **arrays):
    np.savez(path, **arrays)
    return path


def assert_one_line(message, path):
    assert message.startswith(str(path))
    assert "\n" not in message


def assert_fails(error, path, *words):
    assert_one_line(str(error.value), path)
    for word in words:
        assert word in str(error.value)


def assert_valid(data):
    assert isinstance(data, Dataset)
    assert data.X.ndim == 2
    assert data.X.dtype in (np.uint8, np.float32, np.float64)
    assert data.X.flags.c_contiguous
    assert data.X.dtype == np.uint8 or np.isfinite(data.X).all()
    if data.y is not None:
        assert data.y.shape == (data.X.shape[0],)
        assert data.y.dtype == np.int32
        assert data.y.min() >= 0


def mnist_directory(directory, dot=False, suffix=""):
    rng = np.random.default_rng(0)
    arrays = {}
    for part, n in (("train", 7), ("t10k", 3)):
        arrays[f"{part}-images-idx3-ubyte"] = rng.integers(0, 256, (n, 4, 5), dtype=np.uint8)
        arrays[f"{part}-labels-idx1-ubyte"] = rng.integers(0, 10, n, dtype=np.uint8)
    for name, array in arrays.items():
        name = name.replace("-idx", ".idx") if dot else name
        write(directory / (name + suffix), idx_bytes(array))
    return list(arrays.values())


def use_pyarrow(monkeypatch):
    pytest.importorskip("pyarrow")
    monkeypatch.setattr("fastnet.datasets._csv_block._ARROW_AFTER", 0)


# The whole


def test_import_loads_neither_scikit_learn_nor_numba():
    code = "import fastnet.datasets, sys; print({'sklearn', 'numba', 'pandas', 'pyarrow'} & set(sys.modules))"
    root = Path(__file__).parents[1]
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


# CSV


@pytest.mark.parametrize("name", ["train.csv", "train.csv.gz"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("tail", ["", "{end}", "{end}{end}  {end}"])
def test_csv_of_pixels_stays_uint8(tmp_path, name, end, bom, tail):
    lines = ["a,label,b", "0,3,255", "17,0,4"]
    path = write(tmp_path / name, bom + end.join(lines) + tail.format(end=end))
    data = load(path)
    assert_valid(data)
    assert data.X.dtype == np.uint8
    assert data.X.tolist() == [[0, 255], [17, 4]]
    assert data.y.tolist() == [3, 0]
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
    assert data.y[n] == 100_000


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
    assert data.y.tolist() == [3]


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
        ('label,a\n1,"2\n', ["line 2", "cannot split"]),
        ("label,a\n1," + "z" * 5000 + "\n", ["line 2", "zzz..."]),
    ],
)
@pytest.mark.parametrize("parser", ["one line", "one block", "pyarrow"])
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_broken_csv_names_line_and_cell(tmp_path, monkeypatch, suffix, parser, content, words):
    if parser == "one line":
        monkeypatch.setattr("fastnet.datasets._csv_block._BLOCK_BYTES", 1)
    elif parser == "pyarrow":
        use_pyarrow(monkeypatch)
    path = write(tmp_path / f"a{suffix}", content)
    with pytest.raises(ValueError, match=r"expected|cannot|UTF-8") as error:
        read_csv(path)
    assert_fails(error, path, *words)


def test_csv_line_without_end_is_refused_before_it_fills_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("fastnet.datasets._csv_header._MAX_LINE_BYTES", 1000)
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
    assert (actual.y == y).all()


# IDX


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


# npz and npy


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
        ({"X": np.eye(2), "y": np.eye(2)}, ValueError, ["labels of shape (2, 2)"]),
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
