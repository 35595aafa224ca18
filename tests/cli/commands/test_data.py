"""What a person does with data on the command line: look, convert, split, map, hand in."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from fastnet import Model, Network, load_model, save_model
from fastnet.cli import main
from fastnet.datasets import Dataset, load, load_digits, save

pytestmark = pytest.mark.usefixtures("empty_folder")

QUICK = ["--backend", "numpy", "--epochs", "2", "--hidden", "16"]


@pytest.fixture
def kaggle():
    """Write train.csv and test.csv as Kaggle does; return the labels that test.csv lacks."""
    digits = load_digits()
    names = [f"pixel{i}" for i in range(64)]
    train = [
        "label," + ",".join(names),
        *(f"{y},{','.join(map(str, x))}" for x, y in zip(digits.X[:1200], digits.y, strict=False)),
    ]
    test = [",".join(names), *(",".join(map(str, x)) for x in digits.X[1200:])]
    Path("train.csv").write_text("\n".join(train) + "\n", encoding="utf-8")
    Path("test.csv").write_text("\n".join(test) + "\n", encoding="utf-8")
    return digits.y[1200:]


def run(capsys, *argv):
    assert main(list(argv)) == 0
    return capsys.readouterr().out


def fails(capsys, *argv):
    assert main(list(argv)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def test_two_files_become_a_submission_by_two_commands(capsys, kaggle):
    run(capsys, "train", "train.csv", "--backend", "numpy", "--epochs", "20", "--test-samples", "300")
    metrics = load_model("model.safetensors").metrics
    assert metrics["test_samples"] == 300
    out = run(capsys, "predict", "model.safetensors", "test.csv", "--submission", "s.csv", "--backend", "numpy")
    accuracy = metrics["test_accuracy"]
    error = np.sqrt(accuracy * (1 - accuracy) / 300)
    assert f"accuracy to expect: {100 * accuracy:.2f} % with a standard error of {100 * error:.2f} %" in out
    assert "300 test samples" in out
    header, *lines = Path("s.csv").read_text().splitlines()
    assert header == "ImageId,Label"
    ids, labels = np.array([line.split(",") for line in lines], int).T
    assert ids.tolist() == list(range(1, 598))
    assert abs((labels == kaggle).mean() - accuracy) < 0.08


def test_folder_of_both_files_is_split_trained_and_predicted(capsys, kaggle):
    out = run(capsys, "train", ".", *QUICK, "--test-fraction", "0.25", "--json")
    data = json.loads(out)["data"]
    assert (data["samples"] + data["test_samples"], data["test_part"]) == (1200, "held out")
    run(capsys, "predict", "model.safetensors", ".", "--backend", "numpy", "--out", "p.csv")
    assert len(Path("p.csv").read_text().splitlines()) == 598
    assert "the test part has no labels" in fails(capsys, "evaluate", "model.safetensors", ".", "--backend", "numpy")


def test_model_without_test_metrics_has_no_accuracy_to_expect(capsys, kaggle):
    save_model("m.safetensors", Model(Network([64, 10], seed=0)))
    out = run(capsys, "predict", "m.safetensors", "test.csv", "--submission", "s.csv", "--backend", "numpy")
    assert "accuracy to expect: unknown" in out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--submission s.csv --out p.csv", "--submission is a file of labels, got --out too"),
        ("--submission s.csv --probabilities", "got --probabilities too"),
        ("--submission test.csv", "--submission test.csv: would overwrite the data"),
        ("--submission nowhere/s.csv", "--submission nowhere/s.csv: nowhere: no such folder"),
    ],
)
def test_submissions_that_cannot_be_written(capsys, kaggle, options, words):
    save_model("m.safetensors", Model(Network([64, 10], seed=0)))
    assert words in fails(capsys, "predict", "m.safetensors", "test.csv", *options.split())


def test_submission_of_a_model_that_predicts_no_label(capsys, kaggle):
    save_model("m.safetensors", Model(Network([64, 2], seed=0), "squared_error"))
    words = "needs a model that predicts one label a sample"
    assert words in fails(capsys, "predict", "m.safetensors", "test.csv", "--submission", "s.csv", "--backend", "numpy")
    assert not Path("s.csv").exists()


# The held-out part


def test_training_holds_out_as_many_samples_as_asked(capsys, kaggle):
    document = json.loads(run(capsys, "train", "train.csv", *QUICK, "--test-samples", "101", "--json"))
    assert (document["data"]["samples"], document["data"]["test_samples"]) == (1099, 101)


def test_mapped_data_trains_as_read_data_does(capsys):
    digits = load_digits()
    order = np.random.default_rng(0).permutation(1797)
    X, y = digits.X[order], digits.y[order]
    save("parts.npz", Dataset(X[:1500], y[:1500], X[1500:], y[1500:]))
    losses = [
        json.loads(run(capsys, "train", "parts.npz", *QUICK, *options, "--json"))["test_loss"]
        for options in ([], ["--mmap"])
    ]
    assert losses[0] == losses[1]
    np.save("x.npy", X)
    np.save("x_labels.npy", y)
    document = json.loads(run(capsys, "train", "x.npy", *QUICK, "--mmap", "--test-samples", "297", "--json"))
    assert document["test_loss"] == losses[0]  # the last samples are held out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--mmap", "--mmap needs DATA"),
        ("--cache-data", "--cache-data needs DATA"),
        ("train.csv --mmap", "a table cannot be mapped"),
        ("train.csv --test-samples 5 --test-fraction 0.5", "--test-fraction and --test-samples: expected one of them"),
        ("train.csv --test-samples 1200", "--test-samples: got 1200, expected 1 to 1190"),
        ("train.csv --test-samples 0", "--test-samples"),
        ("train.csv --label 65", "no label column 65"),
        ("train.csv --label pixel0", "all labels are the same class, 0; expected two classes or more"),
        ("sorted.npy --mmap", "expected shuffled samples"),
        ("sorted.npy --mmap --test-samples 1797", "cannot hold the last 1797 of 1797 samples out"),
        ("sorted.npy --mmap --test-fraction 1.5", "--test-fraction: got 1.5"),
        ("double.npz --mmap", "--dtype float32 would copy float64 features"),
        ("double.npz --test-samples 5", "--test-samples does not fit double.npz"),
        ("double.npz --cache-data", "is binary already"),
        ("bytes.npz --mmap --patience 3", "--mmap: --patience would copy the features"),
    ],
)
def test_data_options_that_do_not_fit(capsys, kaggle, options, words):
    digits = load_digits()
    order = np.argsort(digits.y)
    np.save("sorted.npy", digits.X[order])
    np.save("sorted_labels.npy", digits.y[order])
    save("double.npz", Dataset(digits.X / 16, digits.y, digits.X / 16, digits.y))
    save("bytes.npz", Dataset(digits.X, digits.y, digits.X, digits.y))
    assert words in fails(capsys, "train", *options.split())
    assert not Path("model.safetensors").exists()


def test_cached_copy_serves_the_next_run(capsys, kaggle, monkeypatch):
    first = json.loads(run(capsys, "train", "train.csv", *QUICK, "--cache-data", "--json"))
    assert Path("train.csv.fastnet.npz").exists()
    monkeypatch.setattr("fastnet.datasets.tables.reader.read_columns", None)
    second = json.loads(run(capsys, "train", "train.csv", *QUICK, "--cache-data", "--json"))
    assert first["test_loss"] == second["test_loss"]


# Looking and converting


def test_info_counts_samples_classes_and_zeros(capsys, kaggle):
    document = json.loads(run(capsys, "data", "info", ".", "--json"))
    assert document["image_shape"] == [8, 8]
    assert document["test"]["classes"] == []
    digits = load_digits()
    train = document["train"]
    assert (train["samples"], train["features"], train["dtype"], train["min"], train["max"]) == (
        1200,
        64,
        "uint8",
        0,
        16,
    )
    assert train["zeros"] == pytest.approx((digits.X[:1200] == 0).mean())
    assert [row["samples"] for row in train["classes"]] == np.bincount(digits.y[:1200]).tolist()
    lines = run(capsys, "data", "info", "train.csv").splitlines()
    assert lines[0] == "data   train.csv, images of 8 x 8"
    assert lines[1].startswith("train  1,200 samples, 64 uint8 features from 0 to 16, ")
    assert lines[2].startswith("test   none; ")
    assert lines[4].split() == ["class", "train", "share"]
    assert len(lines) == 15


def test_info_names_classes(capsys):
    Path("a.csv").write_text("x,kind\n1,oak\n2,a much longer name of a tree\n0,oak\n", encoding="utf-8")
    lines = run(capsys, "data", "info", "a.csv", "--label", "-1").splitlines()
    assert [line.split()[-4:-1] for line in lines[-2:]] == [["tree", "1", "33.3"], ["oak", "2", "66.7"]]
    assert len({len(line) for line in lines[-3:]}) == 1


@pytest.mark.parametrize("out", ["d.npz", "d.npy", "d", "d.csv", "d.parquet"])
def test_conversion_keeps_what_it_says(capsys, kaggle, out):
    if out == "d.parquet":
        pytest.importorskip("pyarrow")
    said = run(capsys, "data", "convert", ".", out)
    assert said.startswith("1,200 samples of 64 uint8 features written to")
    before, after = load("."), load(out)
    np.testing.assert_array_equal(after.X, before.X)
    np.testing.assert_array_equal(after.y, before.y)
    assert ("not written" in said) == (after.X_test is None) == (out not in ("d.npz", "d.npy"))


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ("info missing.csv", "missing.csv: no such file"),
        ("info train.csv --label kind", "no label column 'kind'"),
        ("convert train.csv train.csv", "OUT train.csv: would overwrite the data"),
        ("convert train.csv ./../{here}/train.csv", "would overwrite the data"),
        ("convert train.csv out.xls", "out.xls: unknown format"),
        ("convert train.csv nowhere/out.npz", "nowhere: no such folder"),
        ("convert train.csv .", "is a folder with files"),
        ("convert train.csv out.npz --gzip", "only a folder of IDX files"),
        ("", "Missing command"),
    ],
)
def test_data_commands_that_cannot_be_done(capsys, kaggle, argv, words):
    before = sorted(os.listdir())
    assert words in fails(capsys, "data", *argv.format(here=Path.cwd().name).split())
    assert sorted(os.listdir()) == before
