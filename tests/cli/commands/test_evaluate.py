"""Held-out rows: scored by themselves where a model is tried on what it was trained on."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from data_files import table

from fastnet.cli import main

pytestmark = pytest.mark.usefixtures("empty_folder")

QUICK = ["train", "--backend", "numpy", "--epochs", "3"]


def run_json(capsys, *argv):
    capsys.readouterr()
    assert main([*argv, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("more", "n_held_out"),
    [
        ([], 40),
        (["--test-fraction", "0.5", "--seed", "4"], 100),
        (["--test-samples", "7"], 7),
        (["--patience", "2"], 40),
    ],
)
def test_rows_that_were_held_out_are_scored_by_themselves(tmp_path, capsys, more, n_held_out):
    path = str(table(tmp_path / "t.csv"))
    trained = run_json(capsys, *QUICK, path, *more)
    common = ["--backend", "numpy"]
    document = run_json(capsys, "evaluate", "model.safetensors", path, *common)
    assert document["held_out"]["samples"] == n_held_out
    assert document["held_out"]["accuracy"] == trained["test_accuracy"]
    assert document["held_out"]["loss"] == pytest.approx(trained["test_loss"])
    assert (document["samples"], document["part"]) == (200, "all samples")
    assert main(["evaluate", "model.safetensors", path, *common]) == 0
    shown = capsys.readouterr().out
    assert f"trained on {200 - n_held_out} of these 200 samples, {n_held_out} were held out" in shown
    assert f"held out  accuracy {100 * trained['test_accuracy']:.2f} %" in shown
    assert main(["data", "convert", path, "t.npz"]) == 0
    assert run_json(capsys, "evaluate", "model.safetensors", "t.npz", *common)["held_out"] == (document["held_out"])


def test_other_data_has_no_rows_that_were_held_out(tmp_path, capsys):
    path = table(tmp_path / "t.csv")
    assert main([*QUICK, str(path)]) == 0
    capsys.readouterr()
    lines = path.read_text().splitlines()
    for rows in (lines[:-1], [lines[0], *lines[:0:-1]]):
        (tmp_path / "other.csv").write_text("\n".join(rows) + "\n")
        assert run_json(capsys, "evaluate", "model.safetensors", "other.csv", "--backend", "numpy")["held_out"] is None


def test_a_file_that_was_trained_on_as_a_whole(tmp_path, capsys):
    X, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    np.savez("both.npz", X=X, y=y, X_test=X[:6] + 1, y_test=y[:6])
    np.savez("train.npz", X=X, y=y)
    assert main([*QUICK, "both.npz"]) == 0
    assert main(["evaluate", "model.safetensors", "train.npz", "--backend", "numpy"]) == 0
    assert "trained on all of these 40 samples" in capsys.readouterr().out
    document = run_json(capsys, "evaluate", "model.safetensors", "both.npz", "--backend", "numpy")
    assert (document["part"], document["held_out"]) == ("test part", None)


def test_pictures_and_reports_of_training_rows_say_so(tmp_path, capsys):
    path = str(table(tmp_path / "t.csv"))
    assert main([*QUICK, path]) == 0
    common = ["model.safetensors", path, "--backend", "numpy"]
    for argv in (["show", *common, "--wrong"], ["report", *common], ["plot", "confusion", *common]):
        capsys.readouterr()
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            assert main(argv) == 0
        assert "the model was trained on 160 of these 200 samples, 40 were held out" in capsys.readouterr().err
    page = Path("report.html").read_text(encoding="utf-8")
    assert "accuracy, held out" in page
    assert "the model was trained on 160 of these 200 samples, 40 were held out" in page


def test_actual_labels_are_shown_where_they_are_text(tmp_path, capsys):
    path = str(table(tmp_path / "t.csv"))
    assert main([*QUICK, path]) == 0
    assert main(["data", "convert", path, "t.npz"]) == 0
    for data in (path, "t.npz"):
        document = run_json(capsys, "show", "model.safetensors", data, "--index", "0,1", "--backend", "numpy")
        assert [row["actual"] for row in document["samples"]] == ["calm", "wild"]
