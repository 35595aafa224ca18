"""The suite of many networks: all do the same work, and rows tell who was how fast."""

import math

import numpy as np
import pytest

from fastnet import Fleet
from fastnet.cli import main
from fastnet.measure import page, results
from fastnet.measure.peers import many
from fastnet.measure.suites import fleets
from fastnet.measure.suites.fleets import entrants, rows
from fastnet.measure.suites.fleets.work import ManyNetworks
from fastnet.measure.timing import Harness

SAME = ManyNetworks(3, (6, 5, 4), 16, 16, 3)
OWN = ManyNetworks(2, (6, 5, 4, 1), 8, 8, 2, "adam", own_order=True)
TRAINED = {"torch": [many.torch_loop, many.torch_vmap], "jax": [many.jax_vmap]}


@pytest.mark.parametrize("library", TRAINED)
@pytest.mark.parametrize("work", [SAME, OWN])
def test_others_come_to_the_parameters_of_a_fleet(library, work):
    pytest.importorskip(library)
    networks = work.networks()
    X, y = work.data()
    # batches of all rows, so that their order is no matter
    own_rows = list(work.rows()) if work.own_order else None
    Fleet(networks, work.steps(), work.loss, work.batch, seeds=0).fit(X, y, own_rows, epochs=work.epochs)
    for prepare in TRAINED[library]:
        layers = prepare(work, 1)()
        for i, (W, b) in enumerate(layers):
            # PyTorch's Adam has another eps
            tolerance = {"rtol": 1e-3, "atol": 1e-5} if work.optimizer == "adam" else {"rtol": 1e-4, "atol": 1e-6}
            np.testing.assert_allclose(W, [one.weights[i] for one in networks], **tolerance)
            np.testing.assert_allclose(b, [one.biases[i] for one in networks], **tolerance)


@pytest.mark.parametrize("prepare", [entrants.fleet, entrants.loop, entrants.loop_of_one_thread])
def test_fleet_and_loop_train_the_same(prepare):
    for work in (SAME, OWN):
        histories = prepare(work, 1)()
        expected = entrants.fleet(work, 2)()
        assert [[epoch.loss for epoch in one.epochs] for one in histories] == [
            [epoch.loss for epoch in one.epochs] for one in expected
        ]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_estimators_of_both_sides_do_as_many_epochs():
    work = entrants.Digits("", 2)
    ours, theirs = entrants.ensemble(work, 1)(), entrants.bagging(work, 1)()
    assert [one.n_iter_ for one in ours.estimators_] == [one.n_iter_ for one in theirs.estimators_] == [2] * 16
    searches = entrants.search(work, 1), entrants.search_of_processes(work, 1)
    assert [len(one().cv_results_["params"]) * 3 for one in searches] == [24, 24]


def test_a_row_tells_of_ratios_targets_and_who_is_missing(monkeypatch):
    seconds = {"own": 1.0, "fast": 0.5, "slow": 3.0}
    monkeypatch.setattr(rows, "_seconds", lambda call, threads: call())
    monkeypatch.setattr(entrants.importlib.util, "find_spec", lambda name: None if name == "torch" else name)
    one = {
        name: entrants.Entrant(name, "fastnet", lambda work, n, name=name: lambda: seconds[name]) for name in seconds
    }
    torch = entrants.Entrant("vmap", "torch", None)
    case = rows.Case(SAME, one["own"], ((one["fast"], 2.0), (one["slow"], 2.0), (torch, 9.0)))
    row = fleets.measure(case, ["fastnet", "torch"], Harness(3))
    assert (row["rounds"], row["own"], row["seconds"]["median"]) == (3, "own", 1.0)
    assert {label: other.get("met") for label, other in row["others"].items()} == {
        "fast": False,
        "slow": True,
        "vmap": None,
    }
    assert row["others"]["vmap"] == {"missing": "vmap: torch is not installed"}
    assert fleets.doubts(row) == []
    text = "\n".join(fleets.section([row], page.text_table))
    for part in ("Met: 1; missed: 1.", "fast is 2.00 times faster", "Left out: vmap: torch is not installed."):
        assert part in text
    assert list(fleets.measure(case, ["fastnet"], Harness(2))["others"]) == ["fast", "slow"]


def test_the_suite_measures_many_networks_alone(tmp_path, capsys, monkeypatch):
    small = rows.Case(SAME, fleets.CASES[0].own, ((entrants.LOOP, math.inf),))
    monkeypatch.setattr(fleets, "CASES", (small,))
    saved = tmp_path / "results.json"
    assert main(["bench", "--suite", "fleets", "--rounds", "2", "--peers", "none", "--json", str(saved)]) == 0
    document = results.load(saved)
    assert [section for section in results.SECTIONS if document[section]] == ["fleets"]
    printed = capsys.readouterr().out
    assert "Many networks at once" in printed
    assert "Met: 0; missed: 1." in printed
    for option in (["--networks", "3-2"], ["--plot", "picture.png"]):
        assert main(["bench", "--suite", "fleets", *option]) == 2
        assert "the suite fleets has" in capsys.readouterr().err
