"""`fastnet train --recipe`: what runs, what is said of it, and what options change."""

import json
import signal

import numpy as np
import pytest

import fastnet.recipes.catalog as catalog
from fastnet import load_model
from fastnet.cli import main
from fastnet.datasets import load
from fastnet.recipes import run_recipe


def test_training_by_a_recipe_is_what_the_library_does(capsys, tmp_path, tiny):
    out = tmp_path / "model.safetensors"
    argv = ["train", "--recipe", "kaggle-relu", str(tiny), "--backend", "numpy", "--seed", "2", "--out", str(out)]
    assert main(argv) == 0
    captured = capsys.readouterr()
    lines, progress = captured.out.splitlines(), captured.err.splitlines()
    expected = run_recipe("kaggle-relu", load(tiny), "numpy", seed=2)
    model = load_model(out)
    np.testing.assert_array_equal(model.network.parameters, expected.trainer.network.parameters)
    assert model.metrics == {f"{part}_accuracy": share for part, share in expected.accuracies.items()}
    assert (model.settings["recipe"], model.settings["seed"]) == ("kaggle-relu", 2)
    assert len(progress) == len(expected.history.epochs) == 50
    assert progress[0].startswith("steps   1-10/500  train accuracy ")
    assert progress[-1].startswith("steps 491-500/500  train accuracy ")
    assert f"dev {100 * expected.accuracies['dev']:.2f} %" in lines[-4]
    assert lines[-3].endswith("83-85 % train")


@pytest.mark.parametrize(
    ("switches", "better", "setting"),
    [
        (["kaggle-relu-fast"], True, "better: "),
        (["kaggle-relu-fast", "--better"], True, "better: "),
        (["kaggle-relu-fast", "--as-written"], False, "as written: the notebook's method, its faults mended"),
        (["sigmoid-128-sgd"], False, "as written: the notebook's method, its faults mended"),
        (["sigmoid-128-sgd", "--better"], True, "better: "),
        (["sigmoid-72-36"], True, "better: "),
        (["sigmoid-72-36", "--as-written"], False, "as written: the notebook's method, its faults mended"),
    ],
)
def test_what_is_printed_and_saved_says_which_setting_ran(
    capsys, tmp_path, tiny, quick_recipes, switches, better, setting
):
    out, recipe = tmp_path / "m.safetensors", catalog.RECIPES[switches[0]].chosen(better)
    assert main(["train", str(tiny), "--backend", "numpy", "--out", str(out), "--recipe", *switches]) == 0
    printed = " ".join(capsys.readouterr().out.split())  # long lines are wrapped
    said = recipe.explain()
    other, switch = ("as written", "--as-written") if better else ("better", "--better")
    assert f"setting {setting}" in printed
    assert f"setting {said['setting']} {other} {said[other]}; asked for with {switch} data" in printed
    assert f"training {said['training']}" in printed
    assert f"reported {recipe.reported} " in printed
    model, expected = load_model(out), run_recipe(recipe, load(tiny), "numpy")
    np.testing.assert_array_equal(model.network.parameters, expected.trainer.network.parameters)
    assert model.settings["setting"] == recipe.setting
    assert model.settings["training"] == said["training"]


def test_fastnets_own_recipe_has_no_other_setting_to_ask_for(capsys, tmp_path, tiny, quick_recipes):
    argv = ["train", "--recipe", "fast", str(tiny), "--backend", "numpy", "--out", str(tmp_path / "m.safetensors")]
    assert main(argv) == 0
    printed = capsys.readouterr().out
    assert "setting   fastnet's own\n" in printed
    assert "--as-written" not in printed
    assert "--better" not in printed


def test_options_win_over_the_recipe(capsys, tmp_path, tiny):
    argv = (
        f"train --recipe kaggle-relu {tiny} --better --backend numpy --hidden 5,4 --activation tanh "
        f"--init glorot_normal --dtype float64 --epochs 3 --batch-size 16 --lr 0.25 --momentum 0.5 "
        f"--out {tmp_path / 'm'} --json"
    )
    assert main(argv.split()) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["changed"] == [
        "hidden", "activation", "init", "dtype", "epochs", "batch_size", "lr", "momentum"
    ]  # fmt: skip
    assert document["settings"]["sizes"] == [6, 5, 4, 3]
    said = document["recipe"]
    assert (said["activation"], said["init"], said["dtype"], said["batch_size"]) == (
        "tanh", "glorot_normal", "float64", 16
    )  # fmt: skip
    assert said["optimizer"] == {"name": "sgd", "lr": 0.25, "momentum": 0.5, "nesterov": False}
    assert [row["epoch"] for row in document["history"]] == [1, 2, 3]
    assert document["accuracies"].keys() == {"train", "dev"}
    assert document["test_accuracy"] == document["accuracies"]["dev"]


def test_a_setting_that_options_changed_says_so(capsys, tmp_path, tiny, quick_recipes):
    out = tmp_path / "m.safetensors"
    argv = f"train --recipe kaggle-relu {tiny} --as-written --backend numpy --lr 0.25 --hidden 5 --out {out}"
    assert main(argv.split()) == 0
    changed = load_model(out).settings["setting"]
    assert changed in ("as written, changed by --lr, --hidden", "as written, changed by --hidden, --lr")
    assert changed.removeprefix("as written") in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ("--recipe bst", "--recipe: 'bst' is not known, did you mean 'best'?"),
        ("--recipe best --test-fraction 0.5", "--test-fraction does not fit --recipe best"),
        ("--recipe best --momentum 0.5", "--momentum does not fit the optimizer of best, AdamW("),
        ("--recipe fast --optimizer adam --momentum 0.5", "--momentum needs --optimizer momentum or nesterov"),
        ("--recipe fast --better", "fast: has one setting only, fastnet's own, and none better"),
        ("--recipe best --as-written", "best: has one setting only, fastnet's own, and none as written"),
        ("--recipe fast --label kind", "--label needs DATA"),
        ("--better", "--better needs --recipe NAME"),
        ("--as-written", "--as-written needs --recipe NAME"),
    ],
)
def test_options_that_do_not_fit_a_recipe_are_refused(capsys, tmp_path, argv, said):
    assert main(["train", *argv.split(), "--out", str(tmp_path / "m")]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("ctrl_c")
def test_an_interrupt_ends_training_and_saves_what_there_is(capsys, tmp_path, tiny, monkeypatch):
    def interrupt(plan, epoch):
        if epoch.step == 10:
            signal.raise_signal(signal.SIGINT)
        return "step", epoch.step

    monkeypatch.setattr("fastnet.cli.commands.train.recipe.number_of", interrupt)
    out = tmp_path / "model.safetensors"
    argv = ["train", "--recipe", "kaggle-relu", str(tiny), "--backend", "numpy", "--out", str(out)]
    assert main(argv) == 130
    captured = capsys.readouterr()
    progress, said = captured.err.splitlines()
    assert progress.startswith("steps   1-10/500  train accuracy ")
    assert said == "fastnet: interrupted after 10 steps; saved what there is"
    assert load_model(out).metrics.keys() == {"train_accuracy", "dev_accuracy"}
