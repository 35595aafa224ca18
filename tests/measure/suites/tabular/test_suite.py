"""The suite of tables: what a folder holds, what libraries are compared by, and what the page says."""

import json
import re

import numpy as np
import pytest

from fastnet.cli import main
from fastnet.measure import page
from fastnet.measure.suites.tabular import suite, tables
from fastnet.measure.suites.tabular.models import MODELS, Model
from fastnet.measure.tables import text_table
from fastnet.measure.timing import Harness

KEEL = """@relation fruit
@attribute weight real [0.0, 9.0]
@attribute colour {red, green}
@attribute Kind {apple, lime}
@inputs weight, colour
@outputs Kind
@data
"""


@pytest.fixture
def folder(tmp_path):
    """A KEEL file of classes, and CSV of numbers, with gaps."""
    rng = np.random.default_rng(0)
    weights, colours = rng.uniform(0, 9, 40), rng.choice(["red", "green", "<null>"], 40)
    rows = [f"{w:.3f}, {c}, {'apple' if w > 4 else 'lime'}" for w, c in zip(weights, colours, strict=True)]
    (tmp_path / "fruit.dat").write_text(KEEL + "\n".join(rows) + "\n")
    squares = ["" if i % 5 == 0 else f"{w * w:.3f}" for i, w in enumerate(weights)]
    lines = [f"{w:.3f},{2 * w + 0.25:.4f},{square}" for w, square in zip(weights, squares, strict=True)]
    (tmp_path / "line.csv").write_text("x,target,square\n" + "\n".join(lines) + "\n")
    (tmp_path / "notes.md").write_text("no table")
    return tmp_path


def test_tables_of_a_folder_are_read_with_what_is_to_be_predicted(folder):
    fruit, line = tables.in_folder(folder)
    assert (fruit.name, fruit.is_classes, fruit.columns.names) == ("fruit", True, ("weight", "colour"))
    assert fruit.columns.categories == (("green", "red"),)
    assert (fruit.codes == -1).any()
    assert (line.name, line.is_classes, line.columns.names) == ("line", False, ("x", "square"))
    assert np.isnan(line.numbers[:, 1]).sum() == 8
    assert len(list(tables.own())) == 5


def test_splits_have_every_class_to_train_on_and_depend_on_the_seed():
    y = np.array([0] * 30 + [1] * 9 + [2])
    task = tables.TableTask("t", None, np.zeros((40, 1)), np.zeros((40, 0), int), y, True)
    splits = [tables.split(task, seed) for seed in range(5)]
    for train, test in splits:
        np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(40))
        assert set(y[train]) == {0, 1, 2}
        assert len(test) == 10
    assert not np.array_equal(splits[0][1], splits[1][1])


def test_rows_and_page_hold_errors_ranks_and_who_was_left_out(folder):
    def broken(*_):
        raise ValueError("no such table\nof mine")

    models = (
        Model("right", ("fastnet",), lambda task, train, test, seed: task.y[test]),
        Model("wrong", ("fastnet",), lambda task, train, test, seed: task.y[test] * 0 - 1),
        Model("broken", ("fastnet",), broken),
        Model("absent", ("no_such_package",), broken),
    )
    rows = list(suite.measure_all(tables.in_folder(folder), Harness(2, 1.0), models, splits=2))
    assert len(rows) == 8
    absent = [row["skipped"] for row in rows if row["name"] == "absent"]
    assert absent == ["absent needs the package no_such_package"] * 2
    assert rows[0]["errors"] == [0.0, 0.0]
    assert rows[1]["errors"] == [1.0, 1.0]
    json.dumps(rows)
    boosting = [row | {"name": suite.BOOSTING, "errors": [0.0, 1.0]} for row in rows if row["name"] == "right"]
    text = "\n\n".join(suite.section(rows + boosting, text_table))
    assert "broken on fruit: no such table." in text
    assert re.search(r"right +1\.\d\d +0\.0100 +0\.75", text)
    assert re.search(r"wrong +\d\.\d\d +\d\.\d+ +0\.12", text)
    assert suite.shifted_mean([0.0, 0.0]) == pytest.approx(suite.SHIFT)


def test_what_is_installed_learns_from_tables_with_gaps_and_categories(folder):
    models = [model for model in MODELS[:3] if model.missing() is None]
    assert len(models) == 3
    fruit, line = tables.in_folder(folder)
    for row in suite.measure_all([fruit, line], Harness(2, 1.0), models, splits=1):
        assert row["skipped"] is None
        assert row["errors"][0] < 1.5
        assert row["seconds"][0] > 0


def test_the_command_measures_a_folder_and_shows_saved_results(folder, capsys, monkeypatch):
    right = Model("right", ("fastnet",), lambda task, train, test, seed: task.y[test])
    monkeypatch.setattr(suite.measure_all, "__defaults__", ((right,), 1))
    saved = folder / "results.json"
    assert main(["bench", "--suite", "tabular", "--data", str(folder), "--json", str(saved)]) == 0
    out = capsys.readouterr().out
    assert "fruit" in out
    assert main(["bench", "--from", str(saved)]) == 0
    assert capsys.readouterr().out == out
    assert "Tables" in page.PARTS["tabular"][0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "absent"], "absent: no folder"),
        (["--data", "."], "no .csv, .parquet or KEEL .dat files"),
        (["--peers", "sklearn"], "--suite tabular: has libraries"),
        (["--plot", "p.png"], "--plot: draws networks"),
    ],
)
def test_what_cannot_be_measured_is_said_in_a_line(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["bench", "--suite", "tabular", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    (tmp_path / "bad.dat").write_text("@attribute a real\n1")
    assert main(["bench", "--suite", "tabular", "--data", str(tmp_path)]) == 2
    assert "bad.dat: no file of KEEL" in capsys.readouterr().err
