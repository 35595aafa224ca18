"""What training makes of features and of names of classes, and keeps with the model."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from cli.commands.test_data import QUICK, fails, run

from fastnet import Model, Network, load_model, save_model
from fastnet.cli import main
from fastnet.datasets import Dataset, load, load_digits, save, stratified_split

pytestmark = pytest.mark.usefixtures("empty_folder")


@pytest.fixture
def trees():
    """Write features on very different scales and labels that are names; return the features and labels."""
    rng = np.random.default_rng(0)
    y = np.arange(300) % 3
    X = np.float32(rng.normal([5, 1000, 0] + y[:, None] * [1e-3, 50, 0], [3e-4, 20, 1]))
    names = np.array(["oak, red", "elm", "fir"])
    rows = [f'{a:.9g},{b:.9g},{c:.9g},"{name}"' for (a, b, c), name in zip(X.tolist(), names[y], strict=True)]
    Path("trees.csv").write_text("\n".join(["a,b,c,kind", *rows]), encoding="utf-8")
    return X, names[y]


@pytest.mark.parametrize("preprocess", ["standardize", "minmax"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_preprocessing_is_learnt_from_the_training_part_and_kept_with_the_model(capsys, trees, preprocess, dtype):
    argv = ["trees.csv", "--label", "kind"]
    options = ["--preprocess", preprocess, "--dtype", dtype, "--backend", "numpy", "--epochs", "100", "--lr", "0.01"]
    document = json.loads(run(capsys, "train", *argv, *options, "--json"))
    assert document["test_accuracy"] > 0.9
    model = load_model("model.safetensors")
    X = load("trees.csv", label="kind").X
    train, test = stratified_split(load("trees.csv", label="kind").y, 0.2, 0)
    assert model.preprocessing is not None
    prepared = model.preprocessing(X[train].astype(dtype))
    if preprocess == "standardize":
        np.testing.assert_allclose(prepared.mean(axis=0), 0, atol=1e-3)
        np.testing.assert_allclose(prepared.std(axis=0), 1, rtol=1e-3)
    else:
        np.testing.assert_allclose(prepared.min(axis=0), 0, atol=1e-6)
        np.testing.assert_allclose(prepared.max(axis=0), 1, rtol=1e-6)
    evaluation = json.loads(run(capsys, "evaluate", "model.safetensors", *argv, "--backend", "numpy", "--json"))
    assert evaluation["accuracy"] > 0.9
    labels = run(capsys, "predict", "model.safetensors", *argv, "--backend", "numpy").splitlines()[1:]
    predicted = np.array([label.strip('"') for label in labels])
    assert (predicted == trees[1]).mean() == evaluation["accuracy"]
    assert (predicted == trees[1])[test].mean() == document["test_accuracy"]


def test_features_may_be_left_as_they_are(capsys):
    scales = [
        json.loads(run(capsys, "train", *QUICK, "--preprocess", how, "--json"))["settings"]["input_scale"]
        for how in ("none", "scale")
    ]
    assert scales == [1.0, 1 / 16]
    assert load_model("model.safetensors").preprocessing is None


def test_mapped_features_are_not_preprocessed_into_a_copy(capsys):
    digits = load_digits()
    save("d.npz", Dataset(digits.X, digits.y, digits.X, digits.y))
    assert "would copy the features" in fails(capsys, "train", "d.npz", "--mmap", "--preprocess", "minmax")


def test_names_of_classes_are_kept_with_the_model(capsys, trees):
    argv = ["trees.csv", "--label", "-1"]
    run(capsys, "train", *argv, *QUICK, "--preprocess", "standardize")
    model = load_model("model.safetensors")
    assert model.labels == ("elm", "fir", "oak, red")
    header = run(capsys, "predict", "model.safetensors", *argv, "--probabilities", "--backend", "numpy").splitlines()[0]
    assert header == 'probability_elm,probability_fir,"probability_oak, red"'
    document = json.loads(run(capsys, "evaluate", "model.safetensors", *argv, "--backend", "numpy", "--json"))
    assert [row["class"] for row in document["classes"]] == ["elm", "fir", "oak, red"]
    table = run(capsys, "evaluate", "model.safetensors", *argv, "--backend", "numpy").splitlines()[-4:]
    assert [line[:8].strip() for line in table] == ["class", "elm", "fir", "oak, red"]
    assert len({len(line) for line in table}) == 1


def test_classes_of_other_data_are_found_by_their_names(capsys, trees):
    run(capsys, "train", "trees.csv", "--label", "kind", *QUICK)
    rows = Path("trees.csv").read_text(encoding="utf-8").splitlines()
    Path("some.csv").write_text("\n".join([rows[0], *(row for row in rows if "fir" in row)]), encoding="utf-8")
    argv = ["model.safetensors", "some.csv", "--label", "kind", "--backend", "numpy"]
    document = json.loads(run(capsys, "evaluate", *argv, "--json"))
    assert [(row["class"], row["samples"]) for row in document["classes"]] == [("fir", 100)]
    Path("some.csv").write_text("\n".join([*rows, "1,2,3,yew"]), encoding="utf-8")
    assert "class 'yew' is none of the 3 that model.safetensors was trained on" in fails(capsys, "evaluate", *argv)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert main(["show", *argv]) == 0
    assert "the labels are ignored" in capsys.readouterr().err
    save_model("plain.safetensors", Model(Network([3, 3], seed=0)))
    assert "labels are names, expected numbers" in fails(capsys, "evaluate", "plain.safetensors", *argv[1:])
