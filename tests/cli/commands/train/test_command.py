"""How `fastnet train` trains: settings from files, runs by steps, checkpoints, rates, completion."""

import json
from pathlib import Path

import numpy as np
import pytest

from fastnet import Network, Trainer, load_model
from fastnet.cli import main
from fastnet.training.checkpoints import save_checkpoint

pytestmark = pytest.mark.usefixtures("empty_folder")

SMALL = ["--hidden", "12", "--backend", "numpy"]


def parameters(path):
    return load_model(path).network.parameters


def test_a_file_of_settings_gives_the_same_run_again(tmp_path, capsys):
    ways = ["--steps", "60", "--every", "20", "--sampling", "replacement", "--loss", "softmax_squared_error"]
    ways += ["--no-bias", "--optimizer", "sgd", "--lr", "1", "--dropout", "0.1", "--schedule", "cosine"]
    assert main(["train", *SMALL, *ways, "--write-config", "run.toml", "--out", "a.npz"]) == 0
    progress = [line.partition("  loss ")[0] for line in capsys.readouterr().err.splitlines()]
    assert progress == ["steps  1-20/60", "steps 21-40/60", "steps 41-60/60"]
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
        ("epochs = true\n", "bad.toml: 'epochs' must be a value, got true"),
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


def test_patience_ends_training_by_samples_held_out_for_it(capsys):
    ways = ["--lr", "0.02", "--epochs", "200", "--patience", "3"]
    assert main(["train", *SMALL, *ways, "--json", "--out", "early.npz"]) == 0
    document = json.loads(capsys.readouterr().out)
    history, data = document["history"], document["data"]
    assert (data["samples"], data["validation_samples"], data["test_samples"]) == (1295, 143, 359)
    losses = [epoch["validation_loss"] for epoch in history]
    best = losses.index(min(losses))
    assert len(losses) == best + 1 + 3 < 200
    assert document["best_epoch"] == best + 1
    assert "test_loss" not in history[0]
    ways[3] = str(best + 1)
    assert main(["train", *SMALL, *ways, "--out", "best.npz"]) == 0
    assert f"best parameters kept, of step {41 * (best + 1)}" in capsys.readouterr().out
    np.testing.assert_array_equal(parameters("best.npz"), parameters("early.npz"))


def test_time_ends_training_and_a_checkpoint_goes_on_from_there(capsys):
    ways = [*SMALL, "--batch-size", "1", "--steps", "2000", "--every", "500"]
    assert main(["train", *ways, "--checkpoint", "run.ckpt", "--max-time", "1e-9", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["interrupted"] is False
    assert len(document["history"]) == 1
    assert main(["train", *ways, "--resume", "run.ckpt", "--out", "rest.npz"]) == 0
    assert main(["train", *ways, "--out", "whole.npz"]) == 0
    np.testing.assert_array_equal(parameters("rest.npz"), parameters("whole.npz"))


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
        (["--hidden", "none", "--dropout", "0.1"], "--dropout drops activations of hidden layers"),
        (["--max-time", "0"], "--max-time must be positive, got 0"),
        (["--dropout", "1.5"], "dropout must lie in [0, 1), got 1.5"),
        (["--plot", "a.png"], "--plot is the picture of --find-lr"),
        (["--find-lr", "--checkpoint", "a"], "--find-lr trains nothing"),
        (["--resume", "gone"], "gone: No such file"),
        (["--out", "a", "--checkpoint", "a"], "--checkpoint a: would overwrite the model"),
        (["--plot", "a", "--write-config", "a"], "--write-config a: would overwrite that of --plot"),
        (["--find-lr", "--report", "a.html"], "--find-lr trains nothing: no --report"),
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
    np.savez("other.npz", x_train=np.eye(64, dtype=np.float32), y_train=np.arange(64) % 10)
    assert main(["train", "other.npz", "--resume", "run.ckpt"]) == 2
    assert "samples of 64 features and 10 classes, expected 1438 of 64 and 10" in capsys.readouterr().err


def test_a_resumed_run_has_the_options_that_it_had(capsys):
    ways = [*SMALL, "--seed", "7", "--test-fraction", "0.3", "--patience", "9", "--lr", "0.01"]
    assert main(["train", *ways, "--epochs", "4", "--out", "whole.npz"]) == 0
    assert main(["train", *ways, "--epochs", "2", "--checkpoint", "run.ckpt", "--out", "part.npz"]) == 0
    assert main(["train", "--resume", "run.ckpt", "--epochs", "4", "--write-config", "run.toml"]) == 0
    np.testing.assert_array_equal(parameters("part.npz"), parameters("whole.npz"))
    assert load_model("part.npz").metrics["test_accuracy"] == load_model("whole.npz").metrics["test_accuracy"]
    assert "seed = 7" in (Path("run.toml")).read_text(encoding="utf-8")
    capsys.readouterr()
    for change, message in [
        (["--lr", "0.5"], "--resume: --lr cannot change, from 0.01 to 0.5"),
        (["--l2", "1"], "--resume: --l2 cannot change, from 0.0 to 1.0"),
        (["--momentum", "0.5"], "--resume: --momentum cannot change, from None to 0.5"),
        (["--config", "run.toml"], "--resume and --config both bring options"),
    ]:
        assert main(["train", "--resume", "run.ckpt", *change]) == 2
        assert message in capsys.readouterr().err
    save_checkpoint("other.ckpt", Trainer(Network([64, 10], seed=0)))
    assert main(["train", "--resume", "other.ckpt"]) == 2
    assert "other.ckpt: a checkpoint, but none of fastnet train" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("shell", "script", "asked", "answered"),
    [
        ("bash", "complete -o", {"COMP_WORDS": "fastnet train --sam", "COMP_CWORD": "2"}, "--sampling"),
        ("bash", "complete -o", {"COMP_WORDS": "fastnet train --schedule co", "COMP_CWORD": "3"}, "constant"),
        ("zsh", "compdef", {"_TYPER_COMPLETE_ARGS": "fastnet tr"}, "train"),
        ("fish", "complete --command fastnet", {"_TYPER_COMPLETE_ARGS": "fastnet tr"}, "train"),
    ],
)
def test_shells_can_complete(shell, script, asked, answered, capsys, monkeypatch):
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    assert main(["--show-completion", shell]) == 0
    shown = capsys.readouterr().out
    assert script in shown
    assert f"complete_{shell}" in shown
    asked |= {"_FASTNET_COMPLETE": f"complete_{shell}"}
    if shell == "fish":
        asked |= {"_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    for name, value in asked.items():
        monkeypatch.setenv(name, value)
    assert main([]) == 0
    assert answered in capsys.readouterr().out
