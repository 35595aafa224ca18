"""Targets: each is measured as its kind is, met or missed as it should be, saved and shown."""

import json
from dataclasses import replace

import pytest

from fastnet import kernels
from fastnet.cli import main
from fastnet.measure import page, results, timing
from fastnet.measure.peers import PEERS, own
from fastnet.measure.roofline import Roofline
from fastnet.measure.suites import target_runs, targets
from fastnet.measure.suites.estimators import Fit
from fastnet.measure.suites.operations import realistic_cases
from fastnet.measure.suites.targets import KINDS, TARGETS, Target, row_of
from fastnet.measure.timing import Harness
from fastnet.measure.workloads import Workload

TINY = Workload((6, 5, 3), 8, samples=24)
BY_THEMSELVES = [target for target in TARGETS if target.kind in ("matmul", "reference", "one row")]
TRAININGS = [target for target in TARGETS if target.kind == "training"]


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Take next to no time for each measurement."""
    monkeypatch.setattr(target_runs, "SHORTEST", 0.0)
    monkeypatch.setattr(target_runs, "PEAK_SECONDS", 0.0005)
    monkeypatch.setattr(timing, "PAUSE", 0.0)
    monkeypatch.setattr("fastnet.measure.roofline.roofline", lambda threads: Roofline(2, 100.0, 50.0, 80.0, 20.0))


@pytest.fixture
def few(monkeypatch):
    """Measure a few small targets, one of each kind."""
    chosen = (
        Target("matmul", ((2, 3, 4), (2, 4, 5)), 1e-9),
        Target("reference", ("relu_forward", "128x128"), 1e9),
        Target("training", TINY, 1e-9),
        Target("one row", (6, 5, 3), 1e-9),
        Target("fit", Fit(30, 4, 2), 1e-9),
        Target("table fit", target_runs.TableFit(30, 4, 2), 1e-9),
        Target("jax", TINY, 1e-9),
    )
    monkeypatch.setattr(targets, "TARGETS", chosen)
    monkeypatch.setitem(PEERS, "jax", replace(PEERS["jax"], module="no_such_module"))
    return chosen


def measured(target, rounds=1):
    row = targets.measure(target, Harness(rounds, 0.0))
    assert json.loads(json.dumps(row)) == row
    assert row["value"]["low"] > 0
    return row


@pytest.mark.parametrize("target", BY_THEMSELVES, ids=lambda target: target.name)
def test_operations_and_a_row_are_measured(target):
    row = measured(target)
    assert (row["name"], row["target"], row["threads"]) == (target.name, target.wanted, 1)
    assert row["value"]["n"] == 1


@pytest.mark.parametrize("target", TRAININGS, ids=lambda target: target.name)
def test_every_training_is_measured_here_over_few_samples(target):
    few_samples = replace(target.of, samples=min(target.of.samples, 2 * (target.of.batch_size or 20)))
    assert measured(target._replace(of=few_samples))["measured"] == "fraction of the peak"


@pytest.mark.parametrize(
    ("operation", "prepare", "of"),
    [
        ("matmul_forward", target_runs.over_numpy, ((2, 3, 4), (2, 4, 5))),
        ("relu_forward", target_runs.over_reference, ("relu_forward", "128x128")),
    ],
)
def test_a_ratio_is_of_what_others_take_to_what_the_kernel_takes(operation, prepare, of, monkeypatch):
    called, kernel = [], getattr(kernels, operation)
    monkeypatch.setattr(kernels, operation, lambda *arguments, **named: called.append(1) or kernel(*arguments, **named))
    runs = prepare(of)
    called.clear()
    assert (runs.turns["other"]() > 0, called) == (True, [])
    assert (runs.turns["own"]() > 0, called) == (True, [1])
    assert runs.value({"other": 3.0, "own": 2.0}) == 1.5


def test_fractions_are_of_the_flop_of_whole_epochs_and_times_are_in_microseconds():
    training, fit = target_runs.training_of_peak(TINY), target_runs.fit_of_peak(Fit(30, 4, 2))
    once = {"own": 1e-3, "peak": 0.5}  # a peak of 500,000 in that time
    assert training.value(once) == pytest.approx(24 * (4 * 6 * 5 + 6 * 5 * 3) / 5e5)
    assert fit.value(once) == pytest.approx(2 * 30 * (4 * 4 * 100 + 6 * 100 * 10) / 5e5)
    assert target_runs.one_row((6, 5, 3)).value({"own": 2e-6}) == pytest.approx(2.0)


def test_a_fit_has_all_threads_and_the_rest_one(monkeypatch):
    monkeypatch.setattr(targets, "resolve_threads", lambda n_threads: n_threads or 7)
    assert measured(Target("fit", Fit(30, 4, 2), 0.8))["threads"] == 7
    assert [name for name, kind in KINDS.items() if kind.n_threads != 1] == ["fit", "table fit"]


def test_jax_is_held_against_fastnet_where_it_is_installed(monkeypatch):
    class Slower(own.ReferenceRun):
        def epoch(self):
            return 1e3

    stand_in = replace(PEERS["jax"], module="numpy", start=Slower)
    monkeypatch.setitem(PEERS, "jax", stand_in)
    assert measured(Target("jax", TINY, 1.5))["met"]
    monkeypatch.setitem(PEERS, "jax", replace(stand_in, module="no_such_module"))
    row = targets.measure(Target("jax", TINY, 1.5), Harness(3, 1.0))
    assert row["missing"] == "JAX is not installed"
    assert "value" not in row
    assert targets.doubts(row) == []


def test_no_round_begins_when_the_time_is_up_and_two_are_taken():
    target = BY_THEMSELVES[0]
    assert measured(target, 50)["value"]["n"] == 2
    assert targets.measure(target, Harness(3, 60.0))["value"]["n"] == 3


def test_rows_of_libraries_that_were_not_asked_for_are_left_out(few):
    said = []
    rows = list(targets.measure_all(few, ["fastnet", "numpy"], Harness(1, 0.0, progress=said.append)))
    assert [row["name"] for row in rows] == [target.name for target in few[:-1]]
    assert said == [f"targets: {row['name']}" for row in rows]


def test_every_target_has_a_name_of_its_own_and_a_case_if_it_is_of_one():
    assert len({target.name for target in TARGETS}) == len(TARGETS)
    cases = {(case.operation, case.size) for case in realistic_cases()}
    assert cases >= {target.of for target in TARGETS if target.kind == "reference"}


def made_up(*rows):
    """Results with these rows of targets."""
    environment = {
        "date": "2026-01-01T00:00:00+00:00", "platform": "Linux", "machine": "x86_64", "cores": 2, "threads": 2,
        "cpu": {"name": "znver3", "model": "", "vector_bits": 256}, "threading_layer": "own", "blas": [],
        "versions": {"fastnet": "0.1"}, "busy": 0,
    }  # fmt: skip
    return results.new_document(environment, {}) | {"targets": list(rows)}


@pytest.mark.parametrize(
    ("kind", "of", "wanted", "values", "shown"),
    [
        ("matmul", ((2, 3, 4), (4, 5)), 1.05, [1.0, 1.05, 1.2], "at least 1.05 | 1.050 (1.000-1.200) | met |"),
        ("training", TINY, 0.5, [0.6, 0.499, 0.48], "at least 0.5 | 0.499 (0.480-0.600) | missed |"),
        ("one row", (6, 5, 3), 3.0, [2.5, 3.0, 4.0], "at most 3 | 3.000 (2.500-4.000) | met |"),
        ("one row", (6, 5, 3), 3.0, [2.5, 3.1, 4.0], "at most 3 | 3.100 (2.500-4.000) | missed |"),
        ("jax", TINY, 1.5, "JAX is not installed", "at least 1.5 | - | not measured: JAX is not installed |"),
    ],
)
def test_the_median_decides_whether_a_target_is_met(kind, of, wanted, values, shown):
    target = Target(kind, of, wanted)
    text = page.as_markdown(made_up(row_of(target, values)))
    assert "## Targets" in text
    assert f"| {target.name} | {KINDS[kind].measured} | {shown}" in text


def test_a_page_counts_what_is_met_and_missed():
    target = BY_THEMSELVES[0]
    rows = [row_of(target, found) for found in ([2.0], [2.0], [0.5], "it is not there")]
    assert "Met: 2; missed: 1; not measured: 1." in page.as_text(made_up(*rows))


def test_a_noisy_machine_is_told():
    target = BY_THEMSELVES[0]
    assert targets.doubts(row_of(target, [2.0, 2.1, 1.9])) == []
    (doubt,) = targets.doubts(row_of(target, [2.0, 3.0, 1.0]))
    assert doubt == f"target {target.name}: np.matmul / fastnet is uncertain"


def test_earlier_results_still_have_a_page(tmp_path, capsys):
    document, saved = made_up(), tmp_path / "earlier.json"
    del document["targets"]
    results.save(document, saved)
    assert main(["bench", "--from", str(saved)]) == 0
    assert "Targets" not in capsys.readouterr().out


@pytest.mark.filterwarnings("default::UserWarning")
def test_the_suite_of_targets_measures_those_alone(few, tmp_path, capsys):
    saved, shown = tmp_path / "results.json", tmp_path / "page.md"
    command = ["bench", "--suite", "targets", "--rounds", "2"]
    assert main([*command, "--json", str(saved), "--markdown", str(shown)]) == 0
    document = results.load(saved)
    assert [section for section in results.SECTIONS if document[section]] == ["targets"]
    assert [row["name"] for row in document["targets"]] == [target.name for target in few]
    assert [row.get("met") for row in document["targets"]] == [True, False, True, False, True, True, None]
    printed = capsys.readouterr().out
    assert "Met: 4; missed: 2; not measured: 1." in printed
    assert shown.read_text(encoding="utf-8") == page.as_markdown(document)
    assert main(["bench", "--from", str(saved)]) == 0
    assert capsys.readouterr().out == printed


def test_the_full_suite_has_targets_unless_it_is_of_other_networks(monkeypatch):
    asked = []
    monkeypatch.setattr(targets, "measure_all", lambda *arguments: asked.append(arguments) or [])
    for name in ("networks.measure", "company.measure", "estimators.measure_all", "inference.measure_all"):
        monkeypatch.setattr(f"fastnet.measure.suites.{name}", lambda *arguments: [])
    for name in ("networks", "company"):
        monkeypatch.setattr(f"fastnet.measure.suites.{name}.doubts", lambda row: [])
    monkeypatch.setattr(page, "as_text", lambda document: "")
    monkeypatch.setattr("fastnet.cli.commands.bench._splits", lambda suite, data: [])
    for arguments in (["full"], ["full", "--networks", "6-5-3"], ["quick"], ["company"]):
        assert main(["bench", "--suite", *arguments]) == 0
    ((which, keys, harness),) = asked
    assert (which, harness.rounds, "jax" in keys) == (TARGETS, 9, True)
