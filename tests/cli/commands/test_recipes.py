"""`fastnet recipes`: listing, explaining, and the table of all runs."""

import json
from dataclasses import replace

import numpy as np
import pytest

import fastnet.recipes.catalog as catalog
from fastnet.cli import main
from fastnet.measure.suites import recipes as bench
from fastnet.recipes import RECIPES


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
    assert documents["kaggle-relu-fast"]["setting"] == "better"
    assert documents["kaggle-relu-fast"]["other"] == {
        "init": "uniform", "schedule": "constant",
        "optimizer": {"name": "sgd", "lr": 1.0, "momentum": 0.0, "nesterov": False},
    }  # fmt: skip
    assert documents["relu-he-saved"]["setting"] == "as written"
    assert documents["relu-he-saved"]["other"].keys() == {"optimizer", "schedule"}
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
        ("kaggle-relu", True), ("kaggle-relu", False), ("fast", False)
    ]  # fmt: skip
    assert main([*argv, "--seeds", "2", "--markdown", str(page)]) == 0
    rows = json.loads(kept.read_text(encoding="utf-8"))["recipes"]
    assert rows[:3] == first
    assert len(rows) == 2 * sum(1 + bool(recipe.other) for recipe in RECIPES.values())
    text = page.read_text(encoding="utf-8")
    assert all(f"| {name} | 6-" in text and f"## {name}" in text for name in RECIPES)
    assert all(f"| {name} --as-written | 6-" in text for name in ("kaggle-relu", "kaggle-relu-fast", "sigmoid-72-36"))
    assert all(f"| {name} --better | 6-" in text for name in ("sigmoid-128-sgd", "relu-he-saved"))
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


def test_only_versions_of_what_runs_recipes_have_to_be_the_same(capsys, tmp_path, tiny, quick_recipes):
    kept = tmp_path / "r.json"
    argv = ["recipes", "--backends", "numpy", "--names", "fast", "--results", str(kept), "--run", str(tiny)]
    assert main(argv) == 0
    document = json.loads(kept.read_text(encoding="utf-8"))
    versions = dict(document["environment"]["versions"])
    for library, code in (("torch", 0), ("scikit-learn", 0), ("numba", 2), ("numpy", 2)):
        document["environment"]["versions"] = {**versions, library: "0.0.1"}
        kept.write_text(json.dumps(document), encoding="utf-8")
        assert main(argv) == code, library
    assert capsys.readouterr().err.count("the results kept are of other versions: ") == 2


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
