"""Every mistake of a user: one line on standard error, exit code 2, no file left."""

import gzip
import os
import re
import struct
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from fastnet import Model, Network, datasets, save_model
from fastnet.cli import main
from fastnet.cli.commands import predict


def idx(code, shape, data):
    return bytes([0, 0, code, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + data


CSV = "label,a,b\n0,1,2\n1,3,4\n0,5,6\n1,7,8\n"
FILES = {
    "good.csv": CSV,
    "text.csv": CSV + "0,one,2\n",
    "short.csv": CSV + "0,1\n",
    "infinite.csv": CSV + "1,inf,2\n",
    "empty.csv": "",
    "header.csv": "label,a,b\n",
    "unknown.dat": "hello",
    "cut-images-idx3-ubyte": idx(8, (3, 2, 2), b"\1" * 11),
    "cut-images-idx3-ubyte.gz": gzip.compress(idx(8, (3, 2, 2), bytes(range(12))))[:-9],
    "labels-idx1-ubyte": idx(8, (3,), b"\0\1\2"),
    "damaged.npz": b"PK\3\4 and then nothing",
    "damaged.safetensors": b"\xff" * 40,
    "cut.safetensors": b"\x10\0\0\0\0\0\0\0{",
    "folder/other": b"",
    "one.csv": "label,a\n0,1\n0,2\n",
    "cut.parquet": b"PAR1 and then nothing",
}

DATA_ERRORS = [
    ("missing.csv", "missing.csv: no such file"),
    ("text.csv", "text.csv: line 6"),
    ("short.csv", "short.csv: line 6"),
    ("infinite.csv", "line 6"),
    ("empty.csv", "empty file"),
    ("header.csv", "header without rows"),
    ("unknown.dat", "unknown format"),
    ("cut-images-idx3-ubyte", "truncated"),
    ("cut-images-idx3-ubyte.gz", "damaged gzip"),
    ("labels-idx1-ubyte", "expected the file of images"),
    ("damaged.npz", "damaged"),
    ("nan.npz", "expected a finite number"),
    ("halves.npz", "expected an integer from 0"),
    ("shapes.npz", "3 labels for 4 rows"),
    ("unlabelled.npy", "no labels"),
    ("folder", "missing train-images"),
    ("one.csv", "one.csv: all labels are the same class, 0; expected two classes or more"),
    ("cut.parquet", "damaged Parquet file"),
]
OPTION_ERRORS = [
    ("train --bogus", "No such option: --bogus"),
    ("train --optimizer lbfgs", "'lbfgs' is not one of 'sgd', 'momentum', 'nesterov', 'adam', 'adamw'"),
    ("train --activation swish", "--activation"),
    ("train --backend jax", "--backend"),
    ("train --dtype float16", "--dtype"),
    ("train --hidden 128,,64", "--hidden must be sizes such as 128 or 256,64"),
    ("train --hidden wide", "--hidden"),
    ("train --hidden 0", "--hidden"),
    ("train --hidden -5", "--hidden"),
    ("train --hidden ²", "--hidden"),
    ("train --batch-size 0", "--batch-size"),
    ("train --batch-size some", "--batch-size"),
    ("train --epochs 0", "error: --epochs: got '0', expected at least 1"),
    ("train --epochs many", "error: --epochs: got 'many', expected an integer"),
    ("train --seed -1", "error: --seed: got '-1', expected at least 0"),
    ("train --threads 0", "--threads"),
    ("train --threads 2 --backend numpy", "--threads needs --backend numba"),
    ("train --lr -1", "--lr must lie in"),
    ("train --lr nan", "--lr must be finite"),
    ("train --lr fast", "error: --lr: got 'fast', expected a number"),
    ("train --loss nothing", "error: --loss: 'nothing' is not one of 'cross_entropy', 'softmax_squared_error'"),
    ("plot nothing m", "error: KIND: 'nothing' is not one of 'samples'"),
    ("plot weights m --rows 101", "error: --rows: got '101', expected at most 100"),
    ("train --optimizer momentum --momentum inf", "--momentum must be finite"),
    ("train --optimizer adamw --weight-decay -1", "--weight-decay must lie in"),
    ("train --momentum 0.9", "--momentum needs --optimizer momentum or nesterov, got adam"),
    ("train --optimizer sgd --momentum 0.9", "got sgd"),
    ("train --weight-decay 0.1", "--weight-decay needs --optimizer adamw, got adam"),
    ("train --clip-norm 0", "--clip-norm must be positive, got 0.0"),
    ("train --clip-norm inf", "--clip-norm must be finite"),
    ("train --clip-value -1 missing.csv", "--clip-value must be positive, got -1.0"),
    ("train --clip-value much", "--clip-value"),
    ("train --label kind", "--label needs DATA"),
    ("train --test-fraction 1", "--test-fraction: got 1.0, expected a number between 0 and 1"),
    ("train --test-fraction 0", "--test-fraction: got 0.0, expected a number between 0 and 1"),
    ("train --test-fraction -0.5", "--test-fraction: got -0.5"),
    ("train --test-samples 1797", "--test-samples: got 1797, expected 1 to 1787"),
    ("train --dropout 1", "--dropout must lie in [0, 1), got 1.0"),
    ("train --label-smoothing 2", "--label-smoothing must lie in [0, 1), got 2.0"),
    ("train --recipe best --lr -1", "--lr must lie in"),
    ("train --recipe bst", "--recipe: 'bst' is not known"),
    ("train --find-lr --plot p.txt", "--plot p.txt: must end in"),
    ("train parts.npz --test-fraction 0.5", "has a test part of its own"),
    ("train good.csv --label kind", "no label column 'kind'"),
    ("train good.csv good.csv", "unexpected extra argument"),
    ("train --hidden", "--hidden"),
    ("train --out nowhere/m.safetensors", "nowhere: no such folder"),
    ("train --out good.csv/m.safetensors", "good.csv: is no folder"),
    ("train --out folder", "is a folder"),
    ("train --out m.onnx", "--out m.onnx: a model is written here, expected a name that ends in .safetensors or .npz"),
    ("train --out m.txt", "--out m.txt: a model is written here"),
    ("train --out m.npz.gz", "--out m.npz.gz: a model is written here"),
    ("train --report r.pdf", "--report r.pdf: a report is written here, expected a name that ends in .html"),
    ("train --checkpoint c.npz", "--checkpoint c.npz: a checkpoint is written here"),
    ("train --write-config c.json", "--write-config c.json: TOML is written here"),
    ("predict good.safetensors good.csv --out p.parquet", "--out p.parquet: CSV is written here"),
    ("report good.safetensors good.csv --out r.md", "--out r.md: a report is written here"),
    ("bench --json b.csv", "--json b.csv: JSON is written here"),
    ("train good.csv --out good.csv", "would overwrite the data"),
    ("train folder --out folder/../folder/labels-idx1-ubyte", "would overwrite the data"),
    (f"train --out {'x' * 250}", "cannot be written"),
    ("predict", "Missing argument 'MODEL'"),
    ("predict good.safetensors", "Missing argument 'DATA'"),
    ("predict missing.safetensors good.csv", "missing.safetensors: no such file"),
    ("predict damaged.safetensors good.csv", "damaged.safetensors: not a readable safetensors file"),
    ("predict cut.safetensors good.csv", "cut.safetensors: not a readable safetensors file"),
    ("predict good.safetensors missing.csv", "missing.csv: no such file"),
    ("predict good.safetensors text.csv", "line 6"),
    ("predict good.safetensors good.csv --out nowhere/p.csv", "no such folder"),
    ("predict good.safetensors good.csv --out good.csv", "would overwrite the data"),
    ("predict good.safetensors good.csv --out good.safetensors", "would overwrite the model"),
    ("predict wide.safetensors good.csv --out p.csv", "good.csv: 2 features, expected 64 as wide.safetensors takes"),
    ("predict error.safetensors good.csv --probabilities --out p.csv", "needs a loss with probabilities"),
    ("evaluate wide.safetensors good.csv", "expected 64"),
    ("evaluate good.safetensors unlabelled.npy", "no labels"),
    ("evaluate one.safetensors good.csv", "integer labels from 0 to 0"),
    ("evaluate good.safetensors good.csv --threads 0", "--threads"),
    ("frobnicate", "No such command 'frobnicate'"),
    ("--bogus", "No such option"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    for name, content in FILES.items():
        Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    Path("folder/labels-idx1-ubyte").write_bytes(FILES["labels-idx1-ubyte"])
    X = np.ones((4, 2), np.float32)
    np.savez("nan.npz", X=X * np.nan, y=[0, 1, 0, 1])
    np.savez("halves.npz", X=X, y=[0, 0.5, 1, 1])
    np.savez("shapes.npz", X=X, y=[0, 1, 0])
    np.savez("parts.npz", X=X, y=[0, 1, 0, 1], X_test=X, y_test=[0, 1, 0, 1])
    np.save("unlabelled.npy", X)
    for name, sizes, loss in (
        ("good", [2, 2], "cross_entropy"),
        ("wide", [64, 2], "cross_entropy"),
        ("one", [2, 1], "cross_entropy"),
        ("error", [2, 2], "squared_error"),
    ):
        save_model(f"{name}.safetensors", Model(Network(sizes, seed=0), loss))
    return tmp_path


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_fails(capsys, folder, argv, words, code=2):
    before = contents(folder)
    assert main(argv) == code
    captured = capsys.readouterr()
    lines = [line for line in captured.err.splitlines() if not line.startswith("epoch ")]
    assert lines[0].startswith("fastnet: error: ")
    assert len(lines) == 1
    assert captured.err.endswith("\n")
    assert words in captured.err
    assert contents(folder) == before
    return captured


@pytest.mark.parametrize(("name", "words"), DATA_ERRORS)
def test_data_that_cannot_be_used(capsys, folder, name, words):
    captured = assert_fails(capsys, folder, ["train", name, "--backend", "numpy"], words)
    assert captured.out == ""


@pytest.mark.parametrize(("line", "words"), OPTION_ERRORS)
def test_options_that_cannot_be_used(capsys, folder, line, words):
    captured = assert_fails(capsys, folder, line.split(" "), words)
    assert captured.out == ""


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need rights there")
@pytest.mark.parametrize("line", ["train loop.csv", "evaluate good.safetensors loop.csv", "predict loop.csv good.csv"])
def test_a_file_that_cannot_be_opened(capsys, folder, line):
    Path("loop.csv").symlink_to("loop.csv")
    assert_fails(capsys, folder, line.split(), "")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read and write everything")
def test_files_and_folders_without_rights(capsys, folder):
    closed = Path("closed")
    closed.mkdir(mode=0o500)
    assert_fails(capsys, folder, ["train", "--out", "closed/m.safetensors"], "Permission denied")
    Path("secret.csv").touch(mode=0o000)
    assert main(["train", "secret.csv"]) == 2
    assert re.search(r"secret\.csv.*(Permission denied|not readable)", capsys.readouterr().err)


@pytest.mark.parametrize("options", ["--lr 1e30", "--lr 1e38 --batch-size full --epochs 1"])
@pytest.mark.parametrize("backend", ["numba", "numpy"])
def test_diverged_training_saves_nothing(capsys, folder, options, backend):
    argv = ["train", "--backend", backend, *options.split()]
    assert_fails(capsys, folder, argv, "lower the learning rate", code=1)


def test_a_failed_write_of_predictions_leaves_the_old_file(capsys, folder, monkeypatch):
    Path("p.csv").write_text("old")

    def write_a_part(stream, header, rows):
        stream.write(header[0])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(predict, "_write", write_a_part)
    argv = ["predict", "good.safetensors", "good.csv", "--backend", "numpy", "--out", "p.csv"]
    assert_fails(capsys, folder, argv, "No space left on device")


def test_a_failed_write_of_the_model_leaves_the_old_file(capsys, folder, monkeypatch):
    def fail(source, target):
        raise PermissionError(13, "Permission denied", target)

    monkeypatch.setattr("fastnet.output.atomic.os.replace", fail)
    argv = ["train", "--backend", "numpy", "--epochs", "1", "--out", "good.safetensors"]
    assert_fails(capsys, folder, argv, "good.safetensors: Permission denied")


@pytest.mark.skipif(sys.platform == "win32", reason="no such names there")
def test_names_with_line_breaks_stay_on_one_line(capsys, folder):
    assert_fails(capsys, folder, ["train", "two\nlines.csv"], "two lines.csv: no such file")


def test_a_network_larger_than_any_memory(capsys, folder):
    assert_fails(capsys, folder, ["train", "--hidden", "2000000000,2000000000"], "too big")


def test_too_little_memory(capsys, folder, monkeypatch):
    def fail(*_, **__):
        raise MemoryError("Unable to allocate 64. GiB")

    monkeypatch.setattr(datasets, "load", fail)
    assert_fails(capsys, folder, ["train"], "not enough memory: Unable to allocate 64. GiB")


def test_a_bug_shows_its_traceback(monkeypatch):
    def fail(*_, **__):
        raise KeyError("bug")

    monkeypatch.setattr(datasets, "load", fail)
    with pytest.raises(KeyError):
        main(["train"])


def test_warnings_take_one_line(capsys, monkeypatch):
    def warn(*_, **__):
        warnings.warn("two\nlines", RuntimeWarning, stacklevel=1)
        raise ValueError("that was all")

    monkeypatch.setattr(datasets, "load", warn)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert main(["train"]) == 2
    assert capsys.readouterr().err.splitlines() == ["fastnet: warning: two lines", "fastnet: error: that was all"]
