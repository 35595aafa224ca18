"""How `fastnet train` trains: settings from files, runs by steps, checkpoints, rates, completion."""

import json

import numpy as np
import pytest

from fastnet import load_model
from fastnet.cli import main

SMALL = ["--hidden", "12", "--backend", "numpy"]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def parameters(path):
    return load_model(path).network.parameters


def test_a_file_of_settings_gives_the_same_run_again(tmp_path, capsys):
    ways = ["--steps", "60", "--every", "20", "--sampling", "replacement", "--loss", "softmax_squared_error"]
    ways += ["--no-bias", "--optimizer", "sgd", "--lr", "1", "--dropout", "0.1", "--schedule", "cosine"]
    assert main(["train", *SMALL, *ways, "--write-config", "run.toml", "--out", "a.npz"]) == 0
    assert "step 60/60" in capsys.readouterr().out
    assert main(["train", "--config", "run.toml", "--out", "b.npz"]) == 0
    np.testing.assert_array_equal(parameters("b.npz"), parameters("a.npz"))
    assert load_model("b.npz").settings == load_model("a.npz").settings
    assert not any(b.any() for b in load_model("b.npz").network.biases)
    assert main(["train", "--config", "run.toml", "--lr", "0.5", "--out", "c.npz"]) == 0
    assert load_model("c.npz").settings["optimizer"]["lr"] == 0.5, "the command line wins"
    assert (parameters("c.npz") != parameters("a.npz")).any()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch = 3\n", "bad.toml: 'epoch' is no option of fastnet train; did you mean epochs?"),
        ("epochs = [\n", "bad.toml: not a TOML file"),
        ("[training]\nepochs = 3\n", "bad.toml: 'training' is no option of fastnet train"),
        ("epochs = 0\n", "--epochs"),
        ('activation = "swish"\n', "--activation"),
    ],
)
def test_files_of_settings_that_make_no_sense_are_named(tmp_path, text, message, capsys):
    (tmp_path / "bad.toml").write_text(text)
    assert main(["train", "--config", "bad.toml"]) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert shown.count("\n") == 1


def test_a_list_of_sizes_is_one_too(tmp_path):
    (tmp_path / "run.toml").write_text('hidden = [9, 7]\nbackend = "numpy"\nepochs = 1\nbatch-size = 100\n')
    assert main(["train", "--config", "run.toml"]) == 0
    assert load_model("model.safetensors").network.sizes == (64, 9, 7, 10)


def test_a_resumed_run_ends_where_the_whole_one_does(capsys):
    ways = [*SMALL, "--dropout", "0.2", "--batch-size", "100"]
    assert main(["train", *ways, "--epochs", "5", "--out", "whole.npz"]) == 0
    assert main(["train", *ways, "--epochs", "2", "--checkpoint", "run.ckpt", "--out", "part.npz"]) == 0
    capsys.readouterr()
    again = ["train", "--resume", "run.ckpt", "--backend", "numpy", "--epochs", "5", "--out", "rest.npz", "--json"]
    assert main(again) == 0
    document = json.loads(capsys.readouterr().out)
    assert [epoch["epoch"] for epoch in document["history"]] == [1, 2, 3, 4, 5]
    np.testing.assert_array_equal(parameters("rest.npz"), parameters("whole.npz"))
    assert document["settings"]["dropout"] == [0.2]


def test_a_rate_is_suggested_and_nothing_is_trained(tmp_path, capsys):
    assert main(["train", *SMALL, "--find-lr", "--plot", "lr.png", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["lrs"]) == len(found["losses"])
    assert found["lrs"][0] < found["suggestion"] < found["lrs"][-1]
    assert [path.name for path in tmp_path.iterdir()] == ["lr.png"]
    assert main(["train", *SMALL, "--find-lr"]) == 0
    assert f"--lr {found['suggestion']:.2g}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--steps", "5", "--epochs", "3"], "--steps stands for --epochs, and both were given"),
        (
            ["--label-smoothing", "0.1", "--loss", "softmax_squared_error"],
            "--label-smoothing needs --loss cross_entropy",
        ),
        (["--dropout", "1.5"], "dropout must lie in [0, 1), got 1.5"),
        (["--plot", "a.png"], "--plot is the picture of --find-lr"),
        (["--find-lr", "--checkpoint", "a"], "--find-lr trains nothing"),
        (["--resume", "gone"], "gone: No such file"),
        (["--checkpoint", "gone/a"], "--checkpoint gone/a: gone: no such folder"),
    ],
)
def test_options_that_do_not_fit_are_named(options, message, tmp_path, capsys):
    assert main(["train", *SMALL, *options]) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert shown.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_other_data_does_not_fit_a_checkpoint(capsys):
    assert main(["train", *SMALL, "--epochs", "1", "--checkpoint", "run.ckpt"]) == 0
    command = ["train", "--resume", "run.ckpt", "--test-fraction", "0.5"]
    assert main(command) == 2
    assert "899 samples of 64 features and 10 classes, expected 1438 of 64 and 10" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_complete(shell, capsys):
    assert main(["--show-completion", shell]) == 0
    assert "fastnet" in capsys.readouterr().out.lower()
