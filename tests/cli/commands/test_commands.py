"""The commands on good input: what they write, print and return."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastnet
from fastnet import SGD, Adam, Network, Trainer, load_model
from fastnet.cli import main, options
from fastnet.datasets import load, load_digits, stratified_split
from fastnet.machine import cores
from fastnet.network import ACTIVATIONS, INITS
from fastnet.validation.training import BACKENDS, HYPERPARAMETERS

pytestmark = pytest.mark.usefixtures("empty_folder")

QUICK = ["train", "--backend", "numpy", "--epochs", "3"]


def run_json(capsys, *argv):
    assert main([*argv, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def tiny_csv(tmp_path):
    rng = np.random.default_rng(0)
    rows = [[i % 3, *rng.normal(i % 3, 0.1, 4).round(3)] for i in range(60)]
    path = tmp_path / "tiny.csv"
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([["kind", "a", "b", "c", "d"], *rows])
    return path


def test_digits_reach_97_percent_with_default_settings(tmp_path):
    command = [sys.executable, "-W", "error", "-m", "fastnet", "train"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0
    progress, lines = result.stderr.splitlines(), result.stdout.splitlines()
    assert len(progress) == 60
    assert all(line.startswith("epoch ") for line in progress)
    assert [line.split()[0] for line in lines] == ["data", "inputs", "network", "test", "speed", "saved"]
    assert lines[1] == "inputs   divided by 16"
    assert lines[2].startswith("network  64-128-64-10 relu, 17,226 float32 parameters; numba")
    metrics = load_model(tmp_path / "model.safetensors").metrics
    assert metrics["test_accuracy"] >= 0.97
    assert f"{100 * metrics['test_accuracy']:.2f} %" in lines[-3]
    assert "samples/s" in lines[-2]
    assert "kernels compiled or loaded in" in lines[-2]
    assert lines[-1] == "saved  model.safetensors"
    assert os.listdir(tmp_path) == ["model.safetensors"]


@pytest.mark.parametrize("seed", [7, *(pytest.param(seed, marks=pytest.mark.exhaustive) for seed in range(1, 7))])
def test_digits_reach_97_percent_with_other_seeds(capsys, seed):
    document = run_json(capsys, "train", "--seed", str(seed))
    assert document["test_accuracy"] >= 0.97


def test_json_is_all_there_is_on_standard_output(capsys):
    assert main([*QUICK, "--json"]) == 0
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    assert document["settings"]["optimizer"] == {
        "name": "adam", "lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8
    }  # fmt: skip
    assert document["settings"]["sizes"] == [64, 128, 64, 10]
    assert document["settings"]["input_scale"] == 1 / 16
    assert document["data"]["samples"] + document["data"]["test_samples"] == 1797
    assert [epoch["epoch"] for epoch in document["history"]] == [1, 2, 3]
    assert document["history"][-1]["test_accuracy"] == document["test_accuracy"]
    assert document["run_seconds"] > 0
    assert document["compile_seconds"] >= 0
    assert document["model"] == "model.safetensors"
    assert [line.split()[1] for line in printed.err.splitlines()] == ["1/3", "2/3", "3/3"]


def test_training_is_what_the_library_does():
    assert main(QUICK) == 0
    digits = load_digits()
    train, test = stratified_split(digits.y, 0.2, 0)
    network = Network([64, 128, 64, 10], seed=0, input_scale=1 / 16)
    trainer = Trainer(network, Adam(), backend="numpy", seed=0)
    trainer.fit(digits.X[train], digits.y[train], epochs=3)
    actual = load_model("model.safetensors")
    np.testing.assert_array_equal(actual.network.parameters, network.parameters)
    assert actual.image_shape == (8, 8)
    assert actual.metrics["test_loss"] == trainer.evaluate(digits.X[test], digits.y[test]).loss


def test_all_options_reach_the_library(capsys, tiny_csv):
    argv = (
        f"train {tiny_csv} --label kind --hidden 8,5 --activation tanh --init glorot_normal --dtype float64 "
        "--epochs 2 --batch-size full --optimizer adamw --lr 0.02 --weight-decay 0.5 --seed 3 --clip-norm 2 "
        "--clip-value 0.5 --test-fraction 0.5 --threads 1 --out here.safetensors --label-smoothing 0.1 --no-bias "
        "--sampling replacement --schedule linear --l2 0.1 --dropout 0.25 --every 1 --shards 4"
    )
    document = run_json(capsys, *argv.split())
    assert document["settings"] | {"parameters": 0} == {
        "seed": 3, "init": "glorot_normal", "epochs": 2, "sizes": [4, 8, 5, 3], "activations": ["tanh", "tanh"],
        "dtype": "float64", "input_scale": 1.0, "preprocess": "standardize", "parameters": 0, "batch_size": None,
        "backend": "numba", "threads": 1,
        "clip_norm": 2.0, "clip_value": 0.5, "loss": ["cross_entropy", 0.1], "bias": False, "sampling": "replacement",
        "schedule": "linear", "l2": 0.1, "dropout": [0.25, 0.25], "steps": None, "every": 1,
        "patience": None, "max_time": None, "shards": 4,
        "optimizer": {
            "name": "adamw", "lr": 0.02, "weight_decay": 0.5, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8
        },
    }  # fmt: skip
    assert document["data"]["test_samples"] == 30
    assert load_model("here.safetensors").network.dtype == np.float64


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--optimizer", "sgd"], {"name": "sgd", "lr": 0.1, "momentum": 0.0, "nesterov": False}),
        (["--optimizer", "momentum"], {"name": "momentum", "lr": 0.1, "momentum": 0.9, "nesterov": False}),
        (
            ["--optimizer", "nesterov", "--momentum", "0.5", "--lr", "0.2"],
            {"name": "momentum", "lr": 0.2, "momentum": 0.5, "nesterov": True},
        ),
    ],
)
def test_optimizers_have_defaults_of_their_own(capsys, options, expected):
    document = run_json(capsys, *QUICK, *options)
    assert document["settings"]["optimizer"] == expected


def test_clipping_is_what_the_library_does():
    assert main([*QUICK, "--optimizer", "sgd", "--clip-norm", "0.5", "--clip-value", "0.02"]) == 0
    digits = load_digits()
    train, _ = stratified_split(digits.y, 0.2, 0)
    network = Network([64, 128, 64, 10], seed=0, input_scale=1 / 16)
    trainer = Trainer(network, SGD(0.1), backend="numpy", seed=0, clip_norm=0.5, clip_value=0.02)
    trainer.fit(digits.X[train], digits.y[train], epochs=3)
    np.testing.assert_array_equal(load_model("model.safetensors").network.parameters, network.parameters)


def test_no_hidden_layer_and_an_existing_model_to_replace(capsys):
    for _ in range(2):
        assert run_json(capsys, *QUICK, "--hidden", "none")["settings"]["sizes"] == [64, 10]


def test_a_test_part_of_the_data_is_the_test_set(capsys, tmp_path):
    digits = load_digits()
    np.savez("d.npz", x_train=digits.X[:500], y_train=digits.y[:500], x_test=digits.X[500:], y_test=digits.y[500:])
    document = run_json(capsys, "train", "d.npz", "--backend", "numpy", "--epochs", "1")
    assert document["data"] | {"dtype": ""} == {
        "name": "d", "samples": 500, "test_samples": 1297, "test_part": "given", "features": 64, "classes": 10,
        "dtype": "", "preprocess": "scale", "validation_samples": 0,
    }  # fmt: skip
    evaluation = run_json(capsys, "evaluate", "model.safetensors", "d.npz", "--backend", "numpy")
    assert (evaluation["part"], evaluation["samples"]) == ("test part", 1297)
    assert evaluation["accuracy"] == document["test_accuracy"]
    assert main(["predict", "model.safetensors", "d.npz", "--backend", "numpy", "--out", "p.csv"]) == 0
    assert len(Path("p.csv").read_text().splitlines()) == 1298


def test_predictions_and_evaluation_agree_with_the_library(capsys, tmp_path, tiny_csv):
    assert main([*QUICK, str(tiny_csv), "--label", "kind"]) == 0
    model, data = load_model("model.safetensors"), load(tiny_csv, label="kind")
    trainer, X = Trainer(model.network, backend="numpy"), model.prepare(data.X)
    capsys.readouterr()
    common = ["model.safetensors", str(tiny_csv), "--label", "kind"]
    assert main(["predict", *common, "--backend", "numba"]) == 0
    header, *labels = capsys.readouterr().out.splitlines()
    assert header == "label"
    assert [int(label) for label in labels] == trainer.predict(X).tolist()
    assert main(["predict", *common, "--probabilities", "--backend", "numpy", "--out", "p.csv"]) == 0
    assert "60 samples (all samples)" in capsys.readouterr().out
    assert Path("p.csv").read_text().splitlines()[0] == "probability_0,probability_1,probability_2"
    actual = np.loadtxt("p.csv", np.float32, delimiter=",", skiprows=1)
    np.testing.assert_array_equal(actual, trainer.predict_proba(X))
    document = run_json(capsys, "evaluate", *common, "--backend", "numpy")
    assert (document["loss"], document["accuracy"]) == trainer.evaluate(X, data.y)
    assert [row["samples"] for row in document["classes"]] == [20, 20, 20]
    mean = np.mean([row["accuracy"] for row in document["classes"]])
    assert mean == pytest.approx(document["accuracy"])


def test_predictions_are_written_to_the_last_bit(capsys):
    X = np.random.default_rng(0).normal(size=(40, 3))
    np.save("x.npy", X)
    for dtype in (np.float32, np.float64):
        for loss, wanted in (("cross_entropy", ["--probabilities"]), ("squared_error", [])):
            model = fastnet.Model(Network([3, 2], seed=0, dtype=dtype), loss)
            fastnet.save_model("m.npz", model)
            assert main(["predict", "m.npz", "x.npy", *wanted, "--backend", "numpy"]) == 0
            actual = np.loadtxt(capsys.readouterr().out.splitlines(), dtype, delimiter=",", skiprows=1)
            expected = model.predict_proba(X, "numpy") if wanted else model.predict(X, "numpy")
            np.testing.assert_array_equal(actual, expected)


def test_predictions_need_no_labels(capsys, tmp_path, tiny_csv):
    assert main([*QUICK, str(tiny_csv), "--label", "kind"]) == 0
    rows = [line.split(",", 1)[1] for line in tiny_csv.read_text().splitlines()]
    Path("unlabelled.csv").write_text("\n".join(rows))
    capsys.readouterr()
    outputs = []
    for data in (tiny_csv, Path("unlabelled.csv")):
        assert main(["predict", "model.safetensors", str(data), "--label", "kind", "--backend", "numpy"]) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]


def test_evaluation_shows_a_table_of_classes(capsys, tiny_csv):
    assert main([*QUICK, str(tiny_csv), "--label", "kind"]) == 0
    capsys.readouterr()
    assert main(["evaluate", "model.safetensors", str(tiny_csv), "--label", "kind", "--threads", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "60 samples (all samples)" in lines[0]
    assert [line.split()[:2] for line in lines[-4:]] == [["class", "samples"], ["0", "20"], ["1", "20"], ["2", "20"]]


def test_models_with_other_losses_predict_and_evaluate(capsys):
    digits = load_digits()
    np.savez("even.npz", X=digits.X, y=digits.y % 2)
    for loss, header in (("binary_cross_entropy", "label"), ("squared_error", "output")):
        fastnet.save_model("m.safetensors", fastnet.Model(Network([64, 1], seed=0), loss))
        assert main(["predict", "m.safetensors", "even.npz", "--backend", "numpy"]) == 0
        assert capsys.readouterr().out.startswith(f"{header}\n")
        assert main(["evaluate", "m.safetensors", "even.npz", "--backend", "numpy"]) == 0
        assert ("accuracy" in capsys.readouterr().out) == (loss != "squared_error")


def test_info_shows_what_a_report_needs(capsys):
    document = run_json(capsys, "info")
    assert document["versions"]["numpy"] == np.__version__
    assert document["cpu"]["vector_bits"] in (128, 256, 512)
    assert document["threads"]["available"] >= 1
    assert document["fma_peak_gflops"]["one_thread"] > 0
    assert main(["info"]) == 0
    assert "own team of Python threads, no OpenMP or TBB" in capsys.readouterr().out


def test_info_tells_what_limits_the_threads(capsys, monkeypatch):
    monkeypatch.setattr(cores, "_of_the_machine", lambda: [cores.Limit(8, "processors of this process")])
    monkeypatch.setenv("FASTNET_NUM_THREADS", "2")
    monkeypatch.setenv("NUMBA_NUM_THREADS", "3")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    threads = run_json(capsys, "info")["threads"]
    assert (threads["available"], threads["decided_by"]) == (2, "FASTNET_NUM_THREADS")
    assert threads["limits"][0] == {"threads": 8, "reason": "processors of this process"}
    assert main(["info"]) == 0
    others = "processors of this process: 8, NUMBA_NUM_THREADS: 3"
    assert f"2 by default, limited by FASTNET_NUM_THREADS ({others}); own team" in capsys.readouterr().out


def test_names_of_options_are_those_of_the_library():
    assert set(options.Activation) == set(ACTIVATIONS)
    assert set(options.Init) == set(INITS)
    assert set(options.Backend) == set(BACKENDS)
    assert set(options.OptimizerName) == {*HYPERPARAMETERS, "nesterov"}
