"""Numbers beyond the dtype that is computed in: an error that names row and column, in every reader."""

import decimal

import numpy as np
import pytest
from data_files import npy_bytes, write, write_npz

from fastnet.cli import main
from fastnet.datasets import load
from fastnet.datasets.ranges import check_range

BAD = 5
"""The row that holds the number."""


def features(value):
    X = np.arange(24.0).reshape(12, 2)
    X[BAD, 1] = value
    return X


LABELS = np.arange(12) % 2


def csv(path, value):
    cells = [[str(label), *map(repr, row)] for label, row in zip(LABELS, features(0.0).tolist(), strict=True)]
    cells[BAD][2] = value
    return write(path, "\n".join(["label,a,b", *map(",".join, cells)]))


def arrow(path, value, kind="float64"):
    pa = pytest.importorskip("pyarrow")
    b = [*map(decimal.Decimal, range(12))] if kind == "decimal" else list(map(float, range(12)))
    b[BAD] = decimal.Decimal(value) if kind == "decimal" else float(value)
    table = pa.table({"label": LABELS, "a": np.arange(12), "b": b})
    if path.suffix == ".feather":
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
    else:
        pytest.importorskip("pyarrow.parquet").write_table(table, path)
    return path


def npy(folder, X):
    write(folder / "d_labels.npy", npy_bytes(LABELS))
    return write(folder / "d.npy", npy_bytes(X))


FILES = {
    "csv": lambda folder: csv(folder / "d.csv", "1e39"),
    "csv.gz": lambda folder: csv(folder / "d.csv.gz", "-3.5e38"),
    "csv of an integer": lambda folder: csv(folder / "d.csv", "1" + "0" * 40),
    "csv beyond all": lambda folder: csv(folder / "d.csv", "1e999"),
    "npz": lambda folder: write_npz(folder / "d.npz", X=features(1e40), y=LABELS),
    "npz of the test part": lambda folder: write_npz(
        folder / "d.npz", X=features(0), y=LABELS, X_test=features(-1e300), y_test=LABELS
    ),
    "npy": lambda folder: npy(folder, features(1e40)),
    "npy of long doubles": lambda folder: npy(folder, features(0).astype(np.longdouble) * np.longdouble("1e400")),
    "parquet": lambda folder: arrow(folder / "d.parquet", "1e40"),
    "decimals": lambda folder: arrow(folder / "d.parquet", "1" + "0" * 40, "decimal"),
    "feather": lambda folder: arrow(folder / "d.feather", "1e40"),
}


def named(error, path):
    return error.count("\n") <= 1 and str(path) in error and "column" in error and ("row " in error or "line " in error)


@pytest.mark.parametrize("kind", FILES)
def test_training_names_row_and_column(tmp_path, monkeypatch, capsys, kind):
    if "long" in kind and np.finfo(np.longdouble).max == np.finfo(np.float64).max:
        pytest.skip("no larger floats here")
    monkeypatch.chdir(tmp_path)
    path = FILES[kind](tmp_path)
    assert main(["train", str(path), "--backend", "numpy", "--epochs", "1"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert named(captured.err, path), captured.err
    if kind in ("npz", "npy", "parquet", "feather"):
        assert f"row {BAD} (from 0)" in captured.err
    if kind in ("parquet", "feather", "decimals"):
        assert "column 'b'" in captured.err


@pytest.mark.parametrize("kind", ["npz", "parquet", "decimals", "feather"])
def test_prediction_names_row_and_column(tmp_path, monkeypatch, capsys, kind):
    monkeypatch.chdir(tmp_path)
    write_npz(tmp_path / "good.npz", X=features(1.0), y=LABELS)
    for preprocess in ("none", "standardize"):
        training = f"train good.npz --backend numpy --epochs 1 --preprocess {preprocess} --out {preprocess}.safetensors"
        assert main(training.split()) == 0
    path = FILES[kind](tmp_path)
    for command in ("predict", "evaluate", "plot samples"):
        for preprocess in ("none", "standardize"):
            if "plot" in command:
                pytest.importorskip("matplotlib")
            capsys.readouterr()
            assert main([*command.split(), f"{preprocess}.safetensors", str(path), "--backend", "numpy"]) == 2
            captured = capsys.readouterr()
            assert captured.out == ""
            assert named(captured.err, path), captured.err


def test_what_fits_the_dtype_trains(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    path = write_npz(tmp_path / "d.npz", X=features(1e39), y=LABELS)
    options = "--backend numpy --epochs 1 --preprocess"
    assert main([*f"train {path} {options} standardize".split()]) == 0
    assert main([*f"train {path} {options} minmax".split()]) == 0
    write_npz(path, X=features(1e308), y=LABELS)
    capsys.readouterr()
    assert main([*f"train {path} {options} standardize".split()]) == 2
    error = capsys.readouterr().err
    assert error == "fastnet: error: d: column 1 (from 0): its numbers are too large for --preprocess standardize\n"


def test_recipes_check_too(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    path = write_npz(tmp_path / "d.npz", X=features(1e39), y=LABELS)
    assert main(["train", str(path), "--recipe", "kaggle-relu", "--backend", "numpy", "--dtype", "float32"]) == 2
    assert named(capsys.readouterr().err, path)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_readers_keep_what_float64_can_hold(tmp_path, dtype):
    X = features(1e39)
    data = load(write_npz(tmp_path / "d.npz", X=X, y=LABELS))
    np.testing.assert_array_equal(data.X, X)
    if dtype == "float32":
        with pytest.raises(ValueError, match=r"d: row 5 \(from 0\), column 'b': 1e\+39 is beyond float32"):
            check_range(data.X, dtype, "d", ["a", "b"])
    else:
        check_range(data.X, dtype, "d")


@pytest.mark.parametrize("value", [np.finfo(np.float32).max, 3.4028235e38, -1e38, 1e-300])
def test_the_largest_numbers_of_float32_are_not_beyond(value):
    check_range(features(value), np.float32, "d")
