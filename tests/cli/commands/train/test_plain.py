"""What `fastnet train` says of a run: preprocessing that is chosen, epochs that are counted."""

import json

import numpy as np
import pytest
from data_files import table

from fastnet import load_model
from fastnet.cli import main

pytestmark = pytest.mark.usefixtures("empty_folder")

QUICK = ["train", "--backend", "numpy", "--epochs", "3"]


def run_json(capsys, *argv):
    capsys.readouterr()
    assert main([*argv, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_floats_are_standardised_and_that_is_said(tmp_path, capsys):
    path = str(table(tmp_path / "t.csv"))
    found = {}
    for more in ([], ["--preprocess", "standardize"], ["--preprocess", "none"]):
        capsys.readouterr()
        assert main(["train", path, "--backend", "numpy", "--epochs", "20", *more]) == 0
        line = capsys.readouterr().out.splitlines()[1]
        assert line.startswith("inputs   as they are" if "none" in more else "inputs   standardised: each feature has")
        model = load_model("model.safetensors")
        found[" ".join(more)] = model.metrics["test_accuracy"]
        assert (model.preprocessing is None) == ("none" in more)
        assert main(["info", "model.safetensors"]) == 0
        shown = capsys.readouterr().out
        assert ("--preprocess standardize" in shown) == ("none" not in more)
    assert found[""] == found["--preprocess standardize"] > 0.9
    assert found["--preprocess none"] < found[""]


@pytest.mark.parametrize(
    ("X", "more", "expected"),
    [
        (np.arange(240.0).reshape(40, 6), [], "standardize"),
        (np.arange(240).reshape(40, 6).astype(np.uint8), [], "scale"),
        (np.arange(240).reshape(40, 6) * 100, [], "standardize"),
        (np.arange(240.0).reshape(40, 2, 3) / 240, [], "none"),
        (np.arange(240.0).reshape(40, 2, 3), [], "standardize"),
        (np.arange(240, dtype=np.float32).reshape(40, 6), ["--mmap"], "none"),
        (np.arange(240).reshape(40, 6).astype(np.uint8), ["--preprocess", "minmax"], "minmax"),
    ],
)
def test_preprocessing_is_chosen_by_what_the_features_are(capsys, X, more, expected):
    np.save("d.npy", X)
    np.save("d_labels.npy", np.arange(40) % 2)
    document = run_json(capsys, *QUICK, "d.npy", *more)
    assert document["settings"]["preprocess"] == document["data"]["preprocess"] == expected
    model = load_model("model.safetensors")
    assert (model.preprocessing is not None) == (expected in ("standardize", "minmax"))
    assert (model.network.input_scale != 1) == (expected == "scale")


def test_epochs_are_counted_however_many_lines_there_are(capsys):
    for length, expected in (
        (["--epochs", "7", "--every", "3"], {"epochs": 7, "steps": 7}),
        (["--steps", "9", "--every", "2"], {"steps": 9}),
    ):
        argv = ["train", "--backend", "numpy", "--batch-size", "full", *length]
        assert main(argv) == 0
        progress = [line.split("  loss")[0] for line in capsys.readouterr().err.splitlines()]
        assert progress[0] == ("epochs 1-3/7" if "--epochs" in length else "steps 1-2/9")
        assert progress[-1] == ("epoch 7/7" if "--epochs" in length else "step 9/9")
        metrics = load_model("model.safetensors").metrics
        assert {name: metrics[name] for name in ("epochs", "steps") if name in metrics} == expected
