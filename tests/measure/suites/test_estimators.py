"""`fastnet bench` of estimators: what is fitted, that both do the same, and what is said of it."""

import json
import warnings
from dataclasses import replace

import numpy as np
import pytest

from fastnet import MLPClassifier
from fastnet.cli import main
from fastnet.measure import gate, page, results, workloads
from fastnet.measure.suites import estimators, inference
from fastnet.measure.suites.estimators import FULL, QUICK, Fit
from fastnet.measure.timing import Harness, spread
from fastnet.measure.workloads import Workload

TINY = Fit(30, 4, 3)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_both_libraries_do_the_same(solver, dtype):
    fit = replace(TINY, solver=solver, dtype=dtype)
    row = estimators.measure_fit(fit, Harness(2, 60.0, 1))
    assert row["epochs"] == {"fastnet": 3, "sklearn": 3}
    tolerance = 1e-3 if dtype == "float32" else 1e-6
    assert row["loss"]["fastnet"] == pytest.approx(row["loss"]["sklearn"], rel=tolerance)
    assert (row["dtype"], row["threads"], row["rounds"], row["ratio"]["n"]) == (dtype, 1, 2, 2)
    assert all(seconds > 0 for seconds in row["seconds"].values())
    assert json.loads(json.dumps(row)) == row


@pytest.mark.parametrize("key", estimators.LABELS)
def test_no_epoch_is_left_out_although_nothing_is_learned(key):
    fit = replace(TINY, epochs=40)
    X, y = fit.data()
    X[:] = 1
    model = fit.model(key).set_params(learning_rate_init=1e-12).fit(X, y)
    assert model.n_iter_ == 40
    assert np.ptp(model.loss_curve_) < model.get_params()["tol"] + 1e-6


def test_both_have_the_defaults_but_for_what_a_fit_says():
    own, other = (TINY.model(key).get_params() for key in ("fastnet", "sklearn"))
    assert {name: own[name] for name in other} == other
    assert (other["hidden_layer_sizes"], other["batch_size"]) == ((100,), "auto")


def test_images_are_mostly_zeros():
    fit = Fit(500, 784, 12, kind="digits", dtype="float64")
    assert fit.name == "fit of 500 x 784 digits, adam, 12 epochs"
    X, y = fit.data()
    assert (X.shape, X.dtype, y.shape) == ((500, 784), np.float64, (500,))
    assert (X.min(), X.max()) == (0, 1)
    assert 0.15 < np.count_nonzero(X) / X.size < 0.22
    assert set(y) == set(range(10))
    assert MLPClassifier(max_iter=30, random_state=0).fit(X, y).score(X, y) > 0.9


def test_texts_are_sparse():
    X, y = Fit(50, 3000, 12, kind="words").data()
    assert (X.format, X.shape, X.dtype, y.shape) == ("csr", (50, 3000), np.float32, (50,))
    np.testing.assert_allclose(X.power(2).sum(axis=1), 1, rtol=1e-5)
    assert 30 < X.nnz / 50 < 100


def test_all_data_are_the_same_every_time():
    for kind in ("noise", "digits", "words"):
        (X, y), (again, labels) = (Fit(20, 784, 12, kind=kind).data() for _ in range(2))
        assert abs(X - again).max() == 0
        assert np.array_equal(y, labels)


def test_at_least_two_rounds_are_taken_and_no_more_than_there_is_time_for():
    assert estimators.measure_fit(TINY, Harness(50, 0.0, 1))["rounds"] == 2
    assert estimators.measure_one_row(Harness(3, n_threads=1))["rounds"] == 3


def test_a_fit_with_one_thread_is_left_out_where_there_is_only_one(monkeypatch):
    monkeypatch.setattr(estimators, "measure_one_row", lambda *_: {"name": "one row"})
    monkeypatch.setattr(estimators, "measure_fit", lambda fit, *_: {"name": fit.name, "alone": fit.one_thread})
    monkeypatch.setattr(estimators, "resolve_threads", lambda n_threads: n_threads or 2)
    both = (TINY, replace(TINY, one_thread=True))
    for n_threads, expected in ((None, [False, True]), (1, [False])):
        rows = list(estimators.measure_all(both, Harness(2, 1.0, n_threads)))
        assert [row["alone"] for row in rows[:-1]] == expected
        assert rows[-1] == {"name": "one row"}


def test_the_quick_suite_is_part_of_the_full_one_and_has_one_precision():
    assert set(QUICK) < set(FULL)
    assert len(set(FULL)) == len(FULL)
    assert {fit.dtype for fit in (*QUICK, estimators.ONE_ROW)} == {"float32"}


def document_with(ratio):
    """Results of one fit."""
    document = results.new_document(
        {
            "date": "2026-01-01T00:00:00+00:00", "platform": "Linux", "machine": "x86_64", "cores": 2, "threads": 2,
            "cpu": {"name": "znver3", "model": "", "vector_bits": 256}, "threading_layer": "own", "blas": [],
            "versions": {"fastnet": "0.1"},
        },
        {},
    )  # fmt: skip
    row = {
        "name": TINY.name, "dtype": "float32", "threads": 2, "rounds": ratio["n"], "ratio": ratio,
        "seconds": {"fastnet": 0.25, "sklearn": 0.5}, "loss": {"fastnet": 1.5, "sklearn": 1.5000001},
    }  # fmt: skip
    document["estimators"] = [row, {**row, "threads": 1, "ratio": spread([2.0] * 9)}]
    return document


def test_estimators_have_a_table_and_losses_are_published():
    lost, won = (page.as_markdown(document_with(spread([ratio] * 9))) for ratio in (0.5, 2.0))
    line = "| fit of 30 x 4, adam, 3 epochs | float32 | 2 | 250 ms | 500 ms | 2.00 (2.00-2.00) | 1.500000, 1.500000 |"
    assert line in won
    assert "Faster than fastnet: none of these." in won
    assert "fit of 30 x 4, adam, 3 epochs (float32, threads: 2): scikit-learn is 2.00 times faster" in lost
    assert "## Estimators" not in page.as_markdown(document_with(spread([2.0])) | {"estimators": []})


def test_a_noisy_machine_is_told():
    calm, wild = (document_with(spread(ratios))["estimators"][0] for ratios in ([2.0] * 9, [0.5, 1.0, 3.0]))
    assert estimators.doubts(calm) == []
    (said,) = estimators.doubts(wild)
    assert said.endswith("float32, threads: 2: too noisy to say who is faster, fastnet or scikit-learn")


def test_the_gate_compares_saved_fits():
    before, after = (document_with(spread([ratio] * 9)) for ratio in (4.0, 2.0))
    slower, same = gate.changes(before, after, 1.1)
    assert gate.key_of(slower) == ("estimator", "fit of 30 x 4, adam, 3 epochs, threads: 2", "float32")
    assert (slower["passed"], same["passed"]) == (False, True)


def test_results_that_were_saved_before_there_were_estimators_can_be_read(tmp_path):
    document, path = document_with(spread([2.0])), tmp_path / "saved.json"
    del document["estimators"]
    results.save(document, path)
    assert results.load(path)["estimators"] == []


@pytest.mark.filterwarnings("default::UserWarning")
def test_the_command_measures_estimators_beside_scikit_learn(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(workloads, "QUICK", (Workload((12, 8, 3), 32, samples=500),))
    monkeypatch.setattr(inference, "MANY_ROWS", 200)
    monkeypatch.setattr(estimators, "QUICK", (TINY,))
    monkeypatch.setattr(estimators, "ONE_ROW", TINY)
    path, other = tmp_path / "results.json", tmp_path / "other.json"
    assert main(["bench", "--rounds", "2", "--json", str(path)]) == 0
    assert "scikit-learn / fastnet" in capsys.readouterr().out
    names = [row["name"] for row in results.load(path)["estimators"]]
    assert names == [TINY.name, "predict_proba of 1 x 4"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert main(["bench", "--rounds", "2", "--peers", "none", "--json", str(other)]) == 0
    assert results.load(other)["estimators"] == []
