"""`fastnet recipes` and `fastnet train --recipe`: listing, explaining, training, and the table of all runs."""

import json
import signal
from dataclasses import replace

import numpy as np
import pytest

import fastnet.recipes.catalog as catalog
from fastnet import load_model
from fastnet.cli import main
from fastnet.datasets import load
from fastnet.measure.suites import recipes as bench
from fastnet.recipes import RECIPES, run_recipe


@pytest.fixture
def quick_recipes(monkeypatch):
    """Recipes that take three steps."""
    for name, recipe in RECIPES.items():
        short = {"steps": 3, "epochs": None, "every": 1, "print_every": 1, "hidden": (4,) * len(recipe.hidden)}
        monkeypatch.setitem(catalog.RECIPES, name, replace(recipe, **short))


@pytest.fixture
def tiny(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "tiny.npz"
    np.savez(path, X=rng.integers(0, 256, (90, 6), dtype=np.uint8), y=np.arange(90) % 3)
    return path


def test_every_recipe_is_listed_with_network_and_figure(capsys):
    assert main(["recipes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for recipe, line in zip(RECIPES.values(), lines, strict=False):
        assert line.split()[:3] == [recipe.name, recipe.network(), f"{recipe.activation}:"]
        assert line.endswith(recipe.reported)


def test_json_holds_every_recipe(capsys):
    assert main(["recipes", "--json"]) == 0
    documents = {one["name"]: one for one in json.loads(capsys.readouterr().out)["recipes"]}
    assert list(documents) == list(RECIPES)
    assert documents["sigmoid-128-sgd"]["reported_metrics"] == {"validation": 0.824}
    assert documents["sigmoid-128-sgd"]["bias"] is False
    assert documents["kaggle-relu"]["optimizer"] == {"name": "sgd", "lr": 0.1, "momentum": 0.0, "nesterov": False}
    assert main(["recipes", "kaggle-relu", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == documents["kaggle-relu"]


def test_one_recipe_is_explained_in_full(capsys):
    assert main(["recipes", "sigmoid-128-sgd"]) == 0
    out = capsys.readouterr().out
    for said in (
        "no biases",
        "drawn with replacement",
        "10,000 steps",
        "82.4 %",
        "normalised over the samples",
        "lr 1",
    ):
        assert said in out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ("recipes kagle-relu", "NAME: 'kagle-relu' is not known, did you mean 'kaggle-relu'?"),
        ("recipes --seeds 2", "--seeds needs --run DATA"),
        ("recipes --markdown page.md", "--markdown needs --run DATA"),
        ("recipes best --run {data}", "--names best runs it"),
        ("recipes --run {data} --names best,wurst", "--names: 'wurst' is not known"),
        ("recipes --run {data} --backends jax", "--backends: 'jax' is not known"),
        ("recipes --run {data} --results {data}", "--results"),
        ("recipes --results {data}", "would overwrite"),
    ],
)
def test_misuse_is_one_line_and_code_2(capsys, tiny, argv, said):
    assert main(argv.format(data=tiny).split()) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    if said != "would overwrite":
        assert said in error


def test_a_table_of_all_recipes_is_kept_and_shown_again(capsys, tmp_path, tiny, quick_recipes):
    kept, page = tmp_path / "r.json", tmp_path / "recipes.md"
    argv = ["recipes", "--run", str(tiny), "--backends", "numpy", "--results", str(kept)]
    assert main([*argv, "--names", "kaggle-relu,fast"]) == 0
    first = json.loads(kept.read_text(encoding="utf-8"))["recipes"]
    assert [(row["recipe"], row["better"]) for row in first] == [
        ("kaggle-relu", False), ("kaggle-relu", True), ("fast", False)
    ]  # fmt: skip
    assert main([*argv, "--seeds", "2", "--markdown", str(page)]) == 0
    rows = json.loads(kept.read_text(encoding="utf-8"))["recipes"]
    assert rows[:3] == first
    assert len(rows) == 2 * sum(1 + bool(recipe.better) for recipe in RECIPES.values())
    text = page.read_text(encoding="utf-8")
    assert all(f"| {name} | 6-" in text and f"## {name}" in text for name in RECIPES)
    assert "not run" in text
    capsys.readouterr()
    assert main(["recipes", "--results", str(kept)]) == 0
    table = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in table[1:]] == [row[0] for row in bench.table_rows(rows)]
    assert main(["recipes", "--results", str(kept), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["recipes"] == rows


def test_results_of_other_data_are_not_mixed(capsys, tmp_path, tiny, quick_recipes):
    argv = ["recipes", "--backends", "numpy", "--names", "fast", "--results", str(tmp_path / "r.json"), "--run"]
    assert main([*argv, str(tiny)]) == 0
    other = tmp_path / "other.npz"
    np.savez(other, X=np.zeros((40, 6), np.uint8), y=np.arange(40) % 3)
    assert main([*argv, str(other)]) == 2
    assert "the results kept are of other data" in capsys.readouterr().err


def test_results_of_another_machine_are_not_mixed(capsys, tmp_path, tiny, quick_recipes):
    kept = tmp_path / "r.json"
    argv = ["recipes", "--backends", "numpy", "--names", "fast", "--results", str(kept), "--run", str(tiny)]
    assert main(argv) == 0
    document = json.loads(kept.read_text(encoding="utf-8"))
    kept.write_text(json.dumps(document | {"environment": {**document["environment"], "cores": 999}}))
    assert main(argv) == 2
    assert "the results kept are of other cores: 999, not " in capsys.readouterr().err
    kept.write_text(json.dumps(document | {"settings": {"command": "bench"}}))
    assert main(["recipes", "--results", str(kept)]) == 2
    assert f"--results {kept}: holds no results of recipes" in capsys.readouterr().err


def test_results_of_a_changed_recipe_are_measured_again(tmp_path, tiny, quick_recipes, monkeypatch):
    argv = [
        "recipes",
        "--backends",
        "numpy",
        "--names",
        "fast",
        "--results",
        str(tmp_path / "r.json"),
        "--run",
        str(tiny),
    ]
    assert main(argv) == 0
    monkeypatch.setitem(catalog.RECIPES, "fast", replace(catalog.RECIPES["fast"], steps=4))
    assert main(argv) == 0
    (row,) = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["recipes"]
    assert "4 steps" in row["setting"]


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


def test_options_win_over_the_recipe(capsys, tmp_path, tiny):
    argv = (
        f"train --recipe kaggle-relu {tiny} --better --backend numpy --hidden 5,4 --activation tanh "
        f"--init glorot_normal --dtype float64 --epochs 3 --batch-size 16 --lr 0.25 --momentum 0.5 "
        f"--out {tmp_path / 'm'} --json"
    )
    assert main(argv.split()) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["settings"]["sizes"] == [6, 5, 4, 3]
    said = document["recipe"]
    assert (said["activation"], said["init"], said["dtype"], said["batch_size"]) == (
        "tanh", "glorot_normal", "float64", 16
    )  # fmt: skip
    assert said["optimizer"] == {"name": "sgd", "lr": 0.25, "momentum": 0.5, "nesterov": False}
    assert [row["epoch"] for row in document["history"]] == [1, 2, 3]
    assert document["accuracies"].keys() == {"train", "dev"}
    assert document["test_accuracy"] == document["accuracies"]["dev"]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ("--recipe bst", "--recipe: 'bst' is not known, did you mean 'best'?"),
        ("--recipe best --test-fraction 0.5", "--test-fraction does not fit --recipe best"),
        ("--recipe best --momentum 0.5", "--momentum does not fit the optimizer of best, AdamW("),
        ("--recipe fast --optimizer adam --momentum 0.5", "--momentum needs --optimizer momentum or nesterov"),
        ("--recipe fast --better", "fast: has one setting only"),
        ("--recipe fast --label kind", "--label needs DATA"),
        ("--better", "--better needs --recipe NAME"),
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
