"""`fastnet bench`: what it measures, saves, draws and says."""

import signal
import warnings
import xml.etree.ElementTree as ElementTree
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from fastnet.cli import main
from fastnet.measure import page, results
from fastnet.measure.peers import PEERS, Unavailable, own
from fastnet.measure.plots import draw
from fastnet.measure.suites import inference, networks
from fastnet.measure.timing import Harness, spread
from fastnet.measure.workloads import QUICK, Workload

SMALL = ["bench", "--networks", "12-8-3", "--batch-sizes", "32", "--peers", "sklearn", "--rounds", "2"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Results of a small network, as the command writes them."""
    path = tmp_path_factory.mktemp("bench") / "results.json"
    data = path.with_name("tiny.npz")
    y = np.arange(60) % 3
    np.savez(data, X=np.eye(3)[y], y=y)
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("default")  # a noisy machine is no error here
        patch.setattr(inference, "MANY_ROWS", 200)
        assert main([*SMALL, "--json", str(path), "--data", str(data)]) == 0
    return path


def test_results_hold_what_was_measured_and_on_what(saved):
    document = results.load(saved)
    (row,) = document["networks"]
    assert (row["name"], row["dtype"]) == ("12-8-3, batch 32, 10,000 rows", "float32")
    assert set(row["peers"]) == {"fastnet", "numpy", "sklearn"}
    assert row["peers"]["numpy"]["ratio"]["n"] == row["rounds"] == 2
    assert row["fraction_of_peak"]["median"] > 0
    assert row["flop"] == Workload((12, 8, 3), 32, samples=10_000).flop
    one, many = document["latency"]
    assert set(one["seconds"]) == {"fastnet", "numpy", "sklearn"}
    assert many["fraction_of_peak"]["median"] > 0
    assert [(row["data"], row["peer"]) for row in document["accuracy"]] == [
        ("tiny.npz", peer) for peer in ("fastnet", "numpy", "sklearn")
    ]
    assert all(row["accuracy"]["mean"] == 1 and row["targets"][-1]["reached"] == 3 for row in document["accuracy"])
    assert document["environment"]["versions"]["numpy"] == np.__version__
    assert document["settings"]["roofline"]["float32_gflops"] > 0


def test_results_round_trip_through_the_gate(saved, capsys):
    assert main(["compare", str(saved), str(saved)]) == 0
    assert "12-8-3, batch 32, 10,000 rows" in capsys.readouterr().out


def test_saved_results_make_the_same_page_and_picture_again(saved, tmp_path, capsys):
    markdown, picture = tmp_path / "page.md", tmp_path / "picture.svg"
    assert main(["bench", "--from", str(saved), "--markdown", str(markdown), "--plot", str(picture)]) == 0
    shown = capsys.readouterr().out
    assert "12-8-3, batch 32" in shown
    assert "scikit-learn / fastnet" in shown
    text = markdown.read_text(encoding="utf-8")
    assert "![Speed-up over other libraries, and the roofline](picture.svg)" in text
    assert text == page.as_markdown(results.load(saved), "picture.svg")
    drawn = "".join(ElementTree.parse(picture).getroot().itertext())
    assert "12-8-3, batch 32" in drawn
    assert "scikit-learn" in drawn


def document_with(ratio, **row):
    """Results of one network in which a peer has this ratio."""
    document = results.new_document(
        {
            "date": "2026-01-01T00:00:00+00:00", "platform": "Linux", "machine": "x86_64", "cores": 2, "threads": 2,
            "cpu": {"name": "znver3", "model": "", "vector_bits": 256}, "threading_layer": "own", "blas": [],
            "versions": {"fastnet": "0.1"},
        },
        {},
    )  # fmt: skip
    peers = {
        "fastnet": {"label": "fastnet", "version": "0.1", "seconds": 0.1, "warm_up_seconds": 0.2},
        "jax": {"label": "JAX", "version": "1", "seconds": 0.1, "warm_up_seconds": 1.5, "ratio": ratio},
        "torch": {"label": "PyTorch", "missing": "PyTorch is not installed"},
    }
    fraction = spread([0.5])
    workload = Workload((8, 2), 4)
    document["networks"] = [
        {
            **workload.to_dict(), "name": workload.name, "flop": workload.flop, "seconds": 0.1, "gflops": 1.0,
            "fraction_of_peak": fraction, "peak_gflops": 2.0, "rounds": ratio["n"], "clock_moved": 1.0, "peers": peers,
            **row,
        }
    ]  # fmt: skip
    return document


def test_losses_are_published_beside_wins():
    lost, won = (page.as_markdown(document_with(spread([ratio] * 9))) for ratio in (0.5, 2.0))
    assert "JAX is 2.00 times faster" in lost
    assert "Faster than fastnet: none of these." in won
    for text in (lost, won):
        assert "Left out: PyTorch is not installed." in text
        assert "outside of all times: fastnet 200 ms, JAX 1.5 s" in text


def test_a_noisy_machine_is_told():
    def said(ratio, **row):
        (one,) = document_with(ratio, **row)["networks"]
        return networks.doubts(one)

    assert said(spread([2.0] * 9)) == []
    (unclear,) = said(spread([0.5, 0.6, 0.9, 1.0, 1.0, 1.2, 1.3, 2.0, 3.0]))
    assert "too noisy to say who is faster, fastnet or JAX" in unclear
    (uncertain,) = said(spread([2.0, 3.0, 6.0]))
    assert "ratio to JAX is uncertain" in uncertain
    (moved,) = said(spread([2.0] * 9), clock_moved=1.5)
    assert "the FMA peak moved by a factor of 1.50" in moved


def test_times_to_accuracy_have_a_table():
    document = document_with(spread([2.0] * 9))
    target = {"target": 0.9, "reached": 2, "of": 3, "epochs": 1.5, "seconds": 0.25, "spread": 0.01}
    target["seconds_with_compile"] = 12.25
    never = {"target": 0.98, "reached": 0, "of": 3, "epochs": None, "seconds": None, "spread": None}
    row = {
        "data": "digits", "peer": "fastnet", "name": "fastnet", "skipped": None, "learning_rate": 1e-3,
        "compile_seconds": 12.0, "accuracy": {"mean": 0.975}, "targets": [target, never],
    }  # fmt: skip
    document["accuracy"] = [row, {"data": "digits", "name": "JAX", "skipped": "JAX is not installed"}]
    text = page.as_markdown(document)
    assert "| data | library | learning rate | best accuracy | to 90% | to 98% | compile |" in text
    assert (
        "| digits | fastnet | 0.001 | 97.50% | 250 ms ± 10 ms (2 of 3 seeds), 12.2 s with compilation | never | 12 s |"
        in text
    )
    assert "Left out: JAX is not installed." in text


def test_operations_have_a_table():
    document = document_with(spread([2.0] * 9))
    ratio = spread([4.0] * 9)
    head = {"size": "8x8", "dtype": "float32", "numpy_seconds": 0.02, "numba_seconds": 0.005}
    document["operations"] = [
        {"operation": "relu_forward", "ratio": ratio, **head},
        {"operation": "matmul", "ratio": None, **head},
    ]
    text = page.as_markdown(document)
    assert "| relu_forward | 8x8 | float32 | 20 ms | 5 ms | 4.00 (4.00-4.00) |" in text
    assert "| matmul | 8x8 | float32 | 20 ms | 5 ms | results differ |" in text


def test_a_page_links_its_picture_wherever_that_is(tmp_path):
    for picture, link in (("pictures/p.png", "pictures/p.png"), ("../p.png", (tmp_path.parent / "p.png").as_posix())):
        page.write_markdown(document_with(spread([2.0])), tmp_path / "page.md", tmp_path / picture)
        assert f"]({link})" in (tmp_path / "page.md").read_text(encoding="utf-8")


def test_results_without_networks_have_no_picture(tmp_path):
    with pytest.raises(ValueError, match="there is no network in the results to draw"):
        draw(document_with(spread([2.0])) | {"networks": []}, tmp_path / "p.png")


def test_libraries_that_cannot_run_are_left_out_and_named(monkeypatch):
    class Failing(own.ReferenceRun):
        def warm_up(self):
            raise Unavailable("no compiler")

    monkeypatch.setitem(PEERS, "numpy", replace(PEERS["numpy"], start=Failing))
    monkeypatch.setitem(PEERS, "sklearn", replace(PEERS["sklearn"], module="no_such_module"))
    said = []
    row = networks.measure(
        Workload((12, 8, 3), 32, samples=64), ["fastnet", "numpy", "sklearn"], Harness(2, 1.0, 1, said.append)
    )
    assert row["peers"]["numpy"]["missing"] == "no compiler"
    assert row["peers"]["sklearn"]["missing"] == "scikit-learn: scikit-learn is not installed"
    assert (row["rounds"], row["gflops"] > 0) == (2, True)
    assert said[-1] == "12-8-3, batch 32, 64 rows: measuring"


def test_no_round_begins_when_the_time_is_up():
    row = networks.measure(Workload((12, 8, 3), 32, samples=64), ["fastnet", "numpy"], Harness(50, 0.0, 1))
    assert row["rounds"] == 2


def test_the_quick_suite_compiles_for_one_precision():
    assert {workload.dtype for workload in QUICK} == {"float32"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--networks", "12"], "--networks must be layer sizes such as 784-128-10, got '12'"),
        (["--networks", "12-3", "--batch-sizes", "some"], "--batch-sizes must be whole numbers or full"),
        (["--batch-sizes", "32"], "--batch-sizes: is of --networks"),
        (["--peers", "theano"], "--peers: 'theano' is not known, expected some of fastnet"),
        (["--plot", "picture.gif"], "--plot picture.gif: must end in .png, .svg, .pdf"),
        (["--json", "no/r.json"], "--json no/r.json: no: no such folder"),
        (["--from", "missing.json"], "missing.json: No such file"),
        (["--from", "missing.json", "--rounds", "3"], "options of a measurement cannot be given with it"),
        (["--data", "missing"], "missing"),
        (["--rounds", "1"], "--rounds"),
        (["--busy", "-1"], "--busy"),
        (["--busy", "some"], "--busy"),
        (["--from", "missing.json", "--busy", "1"], "options of a measurement cannot be given with it"),
        (["--suite", "company", "--busy", "1"], "--busy: the suite company has numbers of processes of its own"),
        (["--suite", "company", "--plot", "picture.png"], "--plot: draws networks that were alone"),
        (["--suite", "targets", "--plot", "picture.png"], "--plot: draws networks that were alone"),
        (["--suite", "targets", "--networks", "12-3"], "--networks: the suite targets has networks of its own"),
    ],
)
def test_misuse_is_one_line_and_exit_code_2(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["bench", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.err.count("\n") == 1
    assert words in shown.err
    assert not shown.out


def test_a_picture_without_matplotlib_is_misuse(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["bench", "--plot", str(tmp_path / "picture.png")]) == 2
    assert "needs matplotlib, which `pip install matplotlib` brings" in capsys.readouterr().err


# Ended early


def test_what_was_measured_is_kept_where_a_signal_ends_it(tmp_path, monkeypatch, capsys):
    path, measured = tmp_path / "r.json", []

    def measure(workload, keys, harness):
        if measured:
            assert [row["name"] for row in results.load(path)["networks"]] == measured, "kept as it comes"
            with suppress(KeyboardInterrupt):  # an estimator takes it for its own
                signal.raise_signal(signal.SIGINT)
            harness.check()
        measured.append(workload.name)
        return document_with(spread([2.0] * 9), name=workload.name)["networks"][0]

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(networks, "measure", measure)
    try:
        argv = ["bench", "--networks", "12-8-3,9-3,7-3", "--json", str(path), "--markdown", str(tmp_path / "r.md")]
        assert main([*argv, "--plot", str(tmp_path / "r.svg")]) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    shown = capsys.readouterr()
    assert shown.err.endswith("fastnet: interrupted; what was measured by then is shown\n")
    assert "12-8-3" in shown.out
    document = results.load(path)
    assert [row["name"] for row in document["networks"]] == measured == ["12-8-3, batch 128, 10,000 rows"]
    assert document["warnings"][-1] == "interrupted: what is missing was not measured"
    assert (tmp_path / "r.md").exists()
    assert (tmp_path / "r.svg").exists()


def test_nothing_is_kept_where_nothing_was_measured(tmp_path, monkeypatch, capsys):
    def measure(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(networks, "measure", measure)
    assert main([*SMALL, "--json", str(tmp_path / "r.json")]) == 130
    assert capsys.readouterr().err.endswith("fastnet: interrupted\n")
    assert not (tmp_path / "r.json").exists()


def test_warnings_are_said_once(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        networks, "measure", lambda *_: document_with(spread([2.0] * 9), clock_moved=1.5)["networks"][0]
    )
    monkeypatch.setattr(inference, "measure_all", lambda *_: [])
    assert main(SMALL) == 0
    shown = capsys.readouterr()
    assert (shown.out + shown.err).count("the FMA peak moved by a factor of 1.50") == 1


def test_a_harness_asks_before_each_timing_whether_to_go_on():
    asked, timed = [], []

    def check():
        asked.append(None)
        if len(asked) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Harness(9, check=check).times({"a": lambda: timed.append("a") or 1.0, "b": lambda: timed.append("b") or 1.0})
    assert timed == ["a", "b", "b"]
