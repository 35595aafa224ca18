"""Files of other tools, offered as data: what data sets like MNIST are kept in, pages and pickles, cut files, pipes."""

import gzip
import io
import os
import pickle
import re
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from data_files import idx_bytes, labels_of, npy_bytes, write

from fastnet import Model, Network, save_model
from fastnet.cli import main
from fastnet.datasets import load, read_csv, read_idx

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
IMAGES = np.random.default_rng(0).integers(0, 256, (6, 4, 4), np.uint8)
LETTERS = np.uint8([1, 26, 2, 1, 2, 26])
MAPPING = "".join(f"{i} {64 + i} {96 + i}\n" for i in range(1, 27))

# EMNIST, KMNIST, MedMNIST


def emnist(folder, split="letters", suffix="", y=LETTERS, mapping=MAPPING):
    """Write files as EMNIST's: images by columns, labels of letters from 1."""
    for part, n in (("train", 6), ("test", 3)):
        name = f"emnist-{split}-{part}"
        write(folder / f"{name}-images-idx3-ubyte{suffix}", idx_bytes(IMAGES[:n].transpose(0, 2, 1)))
        write(folder / f"{name}-labels-idx1-ubyte{suffix}", idx_bytes(y[:n]))
    if mapping:
        (folder / f"emnist-{split}-mapping.txt").write_text(mapping)
    return folder


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("whole", [False, True])
def test_emnist(tmp_path, suffix, whole):
    emnist(tmp_path, suffix=suffix)
    data = load(tmp_path if whole else tmp_path / f"emnist-letters-train-images-idx3-ubyte{suffix}")
    assert data.image_shape == (4, 4)
    np.testing.assert_array_equal(data.X.reshape(6, 4, 4), IMAGES)
    assert np.array(data.label_names)[data.y].tolist() == ["A", "Z", "B", "A", "B", "Z"]
    assert (data.X_test is not None) == whole
    if whole:
        np.testing.assert_array_equal(data.X_test.reshape(3, 4, 4), IMAGES[:3])
        assert data.y_test.tolist() == data.y[:3].tolist()


def test_emnist_without_its_mapping_keeps_numbers(tmp_path):
    data = load(emnist(tmp_path, mapping=""))
    assert (data.label_names, labels_of(data)) == (("1", "2", "26"), LETTERS.tolist())


def test_emnist_of_digits_has_digits(tmp_path):
    digits = np.uint8([0, 1, 2, 0, 1, 2])
    data = load(emnist(tmp_path, "digits", y=digits, mapping="0 48\n1 49\n2 50\n"))
    assert (data.label_names, data.y.tolist()) == (None, digits.tolist())


def test_a_folder_of_several_sets_of_emnist(tmp_path):
    emnist(emnist(tmp_path), "digits", y=np.uint8([0, 1, 2, 0, 1, 2]), mapping="")
    with pytest.raises(ValueError, match="holds emnist-digits, emnist-letters: expected one of them"):
        load(tmp_path)
    assert load(tmp_path / "emnist-digits-test-images-idx3-ubyte").y.tolist() == [0, 1, 2]


@pytest.mark.parametrize("mapping", ["A 65\n", "1\n", "1 65\n", "1 99999999999\n"])
def test_a_wrong_mapping_is_named(tmp_path, mapping):
    with pytest.raises(ValueError, match=r"mapping"):
        load(emnist(tmp_path, mapping=mapping))


def emnist_mat(path, compressed=True, **others):
    from scipy.io import savemat

    def part(n):
        return {"images": IMAGES[:n].transpose(0, 2, 1).reshape(n, 16), "labels": LETTERS[:n, None], "writers": [[1]]}

    mapping = np.array([[int(cell) for cell in line.split()] for line in MAPPING.splitlines()], np.uint8)
    content = {"dataset": {"train": part(6), "test": part(3), "mapping": mapping}} | others
    savemat(path, content, do_compression=compressed)
    return path


@pytest.mark.parametrize("compressed", [False, True])
def test_emnist_as_matlab_has_it(tmp_path, compressed):
    data = load(emnist_mat(tmp_path / "emnist-letters.mat", compressed))
    np.testing.assert_array_equal(data.X.reshape(6, 4, 4), IMAGES)
    np.testing.assert_array_equal(data.X_test.reshape(3, 4, 4), IMAGES[:3])
    assert np.array(data.label_names)[data.y].tolist() == ["A", "Z", "B", "A", "B", "Z"]
    assert data.name == "emnist-letters"


def test_other_files_of_matlab(tmp_path):
    from scipy.io import savemat

    savemat(tmp_path / "d.mat", {"X": np.eye(4), "y": [[1], [10], [1], [2]]})
    assert labels_of(load(tmp_path / "d.mat")) == [1, 10, 1, 2]
    savemat(tmp_path / "e.mat", {"images": np.eye(4), "Z": 1, "dataset": np.eye(2)})
    with pytest.raises(ValueError, match="'dataset' is not laid out as EMNIST's"):
        load(tmp_path / "e.mat")
    savemat(tmp_path / "f.mat", {"Z": 1})
    with pytest.raises(ValueError, match="expected EMNIST's dataset, or arrays X and y, found Z"):
        load(tmp_path / "f.mat")
    content = emnist_mat(tmp_path / "g.mat").read_bytes()
    for keep in (130, 200, len(content) // 2):
        (tmp_path / "g.mat").write_bytes(content[:keep])
        with pytest.raises(ValueError, match=r"MATLAB file|EMNIST") as error:
            load(tmp_path / "g.mat")
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("name", ["kmnist", "k49"])
def test_kmnist(tmp_path, whole, name):
    y = np.uint8([0, 1, 2, 0, 1, 2])
    for part, n in (("train", 6), ("test", 3)):
        np.savez_compressed(tmp_path / f"{name}-{part}-imgs.npz", IMAGES[:n])
        np.savez_compressed(tmp_path / f"{name}-{part}-labels.npz", y[:n])
    data = load(tmp_path if whole else tmp_path / f"{name}-train-imgs.npz")
    assert (data.image_shape, data.y.tolist()) == ((4, 4), y.tolist())
    assert (data.y_test.tolist() == [0, 1, 2]) if whole else (data.X_test is None)
    (tmp_path / f"{name}-train-labels.npz").unlink()
    with pytest.raises(ValueError, match="no labels"):
        load(tmp_path / f"{name}-train-imgs.npz")


@pytest.mark.parametrize("shape", [(6, 4, 4), (6, 4, 4, 3)])
def test_medmnist(tmp_path, shape):
    images = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    y = np.uint8([[0], [1], [2], [0], [1], [2]])
    parts = {
        f"{part}_{kind}": array
        for part in ("train", "val", "test")
        for kind, array in (("images", images), ("labels", y))
    }
    np.savez_compressed(tmp_path / "pathmnist.npz", **parts)
    data = load(tmp_path / "pathmnist.npz")
    assert (data.image_shape, data.y.tolist(), data.y_test.tolist()) == (shape[1:], y[:, 0].tolist(), y[:, 0].tolist())
    parts["train_labels"] = np.uint8([[1, 1, 0]] * 6)
    np.savez(tmp_path / "chestmnist.npz", **parts)
    with pytest.raises(ValueError, match="one-hot"):
        load(tmp_path / "chestmnist.npz")


# What is no data


def npz_bytes(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


NAMES = ["d.csv", "d.csv.gz", "d.npz", "d.npy", "d.parquet", "train-images-idx3-ubyte", "d.idx.gz", "d.mat", "d"]
CONTENTS = {
    "an HTML page": b"\xef\xbb\xbf\r\n<!doctype HTML><html><body>404",
    "an XML document": b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
    "an empty file": b"",
    "a pickle": pickle.dumps({"X": [1, 2, 3], "y": [0, 1, 1]}),
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n",
    "an HDF5 file": b"\x89HDF\r\n\x1a\n" + bytes(100),
    "compressed by bzip2": b"BZh91AY" + bytes(100),
    "a PDF": b"%PDF-1.7\n1 0 obj",
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("words", CONTENTS)
def test_what_is_no_data_is_called_by_its_name(tmp_path, monkeypatch, capsys, name, words):
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(CONTENTS[words])
    for command in (["data", "info"], ["train"]):
        assert main([*command, name]) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"fastnet: error: {name}: is {words}")
        assert error.count("\n") == 1


@pytest.mark.parametrize("read", [read_csv, read_idx])
@pytest.mark.parametrize("words", ["an HTML page", "a pickle", "a PDF"])
def test_each_reader_says_so_too(tmp_path, read, words):
    for content in (CONTENTS[words], gzip.compress(CONTENTS[words])):
        (tmp_path / "d").write_bytes(content)
        with pytest.raises(ValueError, match=f"is {words}"):
            read(tmp_path / "d")


TRUNCATED = {
    "d.npz": (npz_bytes(X=np.eye(9), y=np.arange(9)), "truncated"),
    "d.npy": (npy_bytes(np.eye(9)), "expected 648 bytes of data"),
    "d.csv.gz": (gzip.compress(b"label,a\n" + b"0,1\n1,2\n" * 999), "damaged gzip file"),
    "train-images-idx3-ubyte": (idx_bytes(IMAGES), "truncated"),
    "d.csv": (b"label,a,b\n0,1,2\n1,2,3\n0,5,6", "line 4"),
}


@pytest.mark.parametrize("name", TRUNCATED)
def test_truncated_files_say_so(tmp_path, name):
    content, words = TRUNCATED[name]
    (tmp_path / name).write_bytes(content[:-3])
    with pytest.raises(ValueError, match=words) as error:
        load(tmp_path / name)
    assert "\n" not in str(error.value)


# Pipes

TABLE = "label,a,b\n0,1,2\n1,3,4\n0,5,6\n1,7,8\n0,1,1\n1,2,2\n"


def shell(line, **options):
    line = re.sub(r"\bfastnet\b", f"'{sys.executable}' -m fastnet", line)
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, **options)


@POSIX
@pytest.mark.parametrize(
    "line",
    [
        "cat d.csv | fastnet {} -",
        "cat d.csv | fastnet {} /dev/stdin",
        "cat d.csv.gz | fastnet {} -",
        "fastnet {} /dev/stdin < d.csv",
        "fastnet {} - < d.csv",
        "fastnet {} <(cat d.csv)",
        "fastnet {} fifo & cat d.csv > fifo; wait $!",
    ],
)
def test_csv_through_pipes(tmp_path, line):
    write(tmp_path / "d.csv", TABLE)
    write(tmp_path / "d.csv.gz", TABLE)
    os.mkfifo(tmp_path / "fifo")
    save_model(tmp_path / "m.safetensors", Model(Network([2, 2], seed=0)))
    expected = shell("fastnet predict m.safetensors d.csv --backend numpy", cwd=tmp_path).stdout
    done = shell(line.format("predict --backend numpy m.safetensors"), cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")


@POSIX
def test_training_on_standard_input(tmp_path):
    write(tmp_path / "d.csv", TABLE)
    done = shell("cat d.csv | fastnet train - --backend numpy --epochs 1 --out m.safetensors", cwd=tmp_path)
    assert (done.returncode, (tmp_path / "m.safetensors").exists()) == (0, True), done.stderr


@POSIX
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (npy_bytes(np.eye(3)), ".npy cannot be read from a stream, expected CSV there, or a file"),
        (npz_bytes(X=np.eye(3), y=[0, 1, 2]), ".npz cannot be read from a stream"),
        (idx_bytes(IMAGES), "IDX cannot be read from a stream"),
        (gzip.compress(idx_bytes(IMAGES)), "IDX cannot be read from a stream"),
        (b"PAR1" + bytes(100), "Parquet cannot be read from a stream"),
        (b"ARROW1" + bytes(100), "Feather cannot be read from a stream"),
        (b"\1\2\3\0", "binary data cannot be read from a stream"),
        (CONTENTS["an HTML page"], "is an HTML page"),
        (b"", "is an empty file"),
    ],
)
def test_other_formats_need_a_file(tmp_path, content, words):
    os.mkfifo(tmp_path / "fifo")

    def feed():
        (tmp_path / "fifo").write_bytes(content)

    thread = threading.Thread(target=feed)
    thread.start()
    with pytest.raises(ValueError, match=re.escape(words)) as error:
        load(tmp_path / "fifo")
    thread.join()
    assert str(error.value).startswith(f"{tmp_path / 'fifo'}: ")


@pytest.mark.parametrize("options", [{"cache": True}, {"mmap": True}])
def test_streams_are_neither_mapped_nor_kept(options):
    with pytest.raises(ValueError, match="a stream can be neither mapped nor kept"):
        load("-", **options)


@POSIX
def test_standard_input_that_is_closed(tmp_path):
    done = shell("fastnet data info - <&-", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "fastnet: error: -: standard input is closed: Bad file descriptor\n"
