"""Training beside busy processes: who takes part, what is measured, and what the page says of it."""

import json

import pytest

from fastnet.cli import main
from fastnet.measure import page, results, timing
from fastnet.measure.peers import PEERS
from fastnet.measure.peers.protocol import Run, Task
from fastnet.measure.roofline import Roofline
from fastnet.measure.suites import busy, company, estimators, inference, networks, targets
from fastnet.measure.timing import Harness, spread
from fastnet.measure.workloads import Workload

TINY = Workload((6, 5, 3), 8, optimizer="adam", samples=24)

# what the other libraries warn of is not ours to mend
pytestmark = [pytest.mark.filterwarnings("default:::torch"), pytest.mark.filterwarnings("default:::jax")]


@pytest.fixture
def short(monkeypatch):
    """Take next to no time for each measurement, beside no process and one."""
    monkeypatch.setattr(company, "SECONDS", 0.002)
    monkeypatch.setattr(timing, "PAUSE", 0.0)
    monkeypatch.setattr(company, "BUSY", (0, 1))
    monkeypatch.setattr(inference, "MANY_ROWS", 200)
    monkeypatch.setattr("fastnet.measure.roofline.roofline", lambda threads: Roofline(2, 100.0, 50.0, 80.0, 20.0))


@pytest.fixture
def begun(monkeypatch):
    """Collect the groups of busy processes that are begun."""
    groups, begin = [], busy.Busy.__enter__

    def noted(group):
        groups.append(group)
        return begin(group)

    monkeypatch.setattr(busy.Busy, "__enter__", noted)
    return groups


def made_up(**peers):
    """Results in which libraries, by their labels, have these rates beside no and two processes; or are missing."""
    environment = {
        "date": "2026-01-01T00:00:00+00:00", "platform": "Linux", "machine": "x86_64", "cores": 2, "threads": 2,
        "cpu": {"name": "znver3", "model": "", "vector_bits": 256}, "threading_layer": "own", "blas": [],
        "versions": {"fastnet": "0.1"}, "busy": 0,
    }  # fmt: skip
    document = results.new_document(environment, {})
    rows = {
        key: {"label": PEERS[key].name, "version": "1"} | (
            {"missing": rates} if isinstance(rates, str)
            else {"samples_per_second": [spread([rate, 1.5 * rate, rate / 2]) for rate in rates]}
        )
        for key, rates in peers.items()
    }  # fmt: skip
    document["company"] = [
        {
            **TINY.to_dict(), "name": "6-5-3", "busy": [0, 2], "rounds": 3, "seconds": 0.25, "learning_rate": 1e-6,
            "doubts": [], "peers": rows,
        }
    ]  # fmt: skip
    return document


def test_rates_have_a_table_and_losses_are_named():
    document = made_up(fastnet=(1_234_567, 2000), fastnet1=(8e5, 9000), torch=(50_000, 2500), jax="JAX is not there")
    text = page.as_markdown(document)
    assert "## On a busy machine" in text
    assert "| network | library | alone | beside 2 |" in text
    assert "| 6-5-3 | fastnet | 1,230,000 (617,000-1,850,000) | 2,000 (1,000-3,000) |" in text
    assert "| 6-5-3 | PyTorch | 50,000 (25,000-75,000) | 2,500 (1,250-3,750) |" in text
    assert "for about 0.25 s at a time" in text
    assert (
        "Faster than fastnet: 6-5-3: fastnet, 1 thread is faster, 4.50 times beside 2; "
        "6-5-3: PyTorch is faster, 1.25 times beside 2." in text
    )
    assert "Left out: JAX is not there." in text
    assert "busy machine: everything" not in text


def test_a_page_without_losses_says_so():
    assert "Faster than fastnet: none of these." in page.as_text(made_up(fastnet=(200, 100), torch=(100, 50)))


@pytest.mark.parametrize(("count", "words"), [(1, "beside 1 busy process"), (3, "beside 3 busy processes")])
def test_a_page_of_results_in_company_says_so_in_its_head(count, words):
    document = made_up(fastnet=(1, 1))
    document["environment"]["busy"] = count
    for text in (page.as_markdown(document), page.as_text(document)):
        assert words in text[: text.index("On a busy machine")]


def test_earlier_results_still_have_a_page(tmp_path, capsys):
    document = made_up(fastnet=(1, 1))
    del document["company"], document["environment"]["busy"]
    saved = tmp_path / "earlier.json"
    results.save(document, saved)
    assert main(["bench", "--from", str(saved)]) == 0
    assert "company" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("cores", "expected"),
    [
        (1, ["fastnet", "sklearn", "jax"]),
        (2, ["fastnet", "fastnet1", "fastnet2", "sklearn", "jax"]),
        (8, ["fastnet", "fastnet1", "fastnet2", "sklearn", "sklearn2", "jax"]),
    ],
)
def test_who_takes_part_depends_on_the_processors(cores, expected, monkeypatch):
    monkeypatch.setattr(company, "available_cores", lambda: cores)
    actual = company.entrants(["fastnet", "numpy", "sklearn", "jax", "torch-compile"])
    assert list(actual) == expected
    assert all(threads == (2 if peer.name.endswith("2 threads") else None) for peer, threads in actual.values())


@pytest.mark.usefixtures("short")
def test_everyone_who_is_installed_trains_beside_busy_processes(begun, monkeypatch):
    monkeypatch.setattr(company, "available_cores", lambda: 2)
    row = company.measure(TINY, ["sklearn", "torch", "jax"], Harness(9, 0.0))
    assert json.loads(json.dumps(row)) == row
    assert row["rounds"] == 2  # the time was up
    assert [len(group.processes) for group in begun] == [0, 1, 1, 0]  # forwards, then backwards
    assert all(process.returncode is not None for group in begun for process in group.processes)
    assert (row["busy"], row["doubts"]) == ([0, 1], [])
    assert list(row["peers"]) == ["fastnet", "fastnet1", "fastnet2", "sklearn", "torch", "jax"]
    for key, peer in row["peers"].items():
        missing = key in PEERS and PEERS[key].missing()
        assert peer.get("missing") == (missing or None)
        assert missing or all(rate["low"] > 0 and rate["n"] == 2 for rate in peer["samples_per_second"])


@pytest.mark.usefixtures("short")
def test_company_that_was_lost_is_told(begun, monkeypatch):
    def train_for(run, seconds):
        for process in begun[-1].processes:
            process.kill()
            process.wait()
        return 1.0

    monkeypatch.setattr(company.ChoosingRun, "train_for", train_for)
    row = company.measure(TINY, [], Harness(2, 0.0))
    (doubt,) = row["doubts"]
    assert doubt.startswith("on a busy machine, 6-5-3, batch 8, adam, 24 rows: 1 of 1 busy processes ended before")


@pytest.mark.usefixtures("short")
def test_the_suite_of_company_measures_that_alone(tmp_path, capsys):
    saved, shown = tmp_path / "results.json", tmp_path / "page.md"
    command = ["bench", "--suite", "company", "--networks", "6-5-3", "--batch-sizes", "1024", "--peers", "sklearn"]
    assert main([*command, "--rounds", "2", "--json", str(saved), "--markdown", str(shown)]) == 0
    document = results.load(saved)
    assert [section for section in results.SECTIONS if document[section]] == ["company"]
    (row,) = document["company"]
    assert (row["sizes"], row["batch_size"], row["rounds"]) == ([6, 5, 3], 1024, 2)
    assert (document["environment"]["busy"], document["settings"]["suite"]) == (0, "company")
    assert f"| {row['name']} | scikit-learn |" in shown.read_text(encoding="utf-8")
    assert "On a busy machine" in capsys.readouterr().out


@pytest.mark.usefixtures("short")
@pytest.mark.filterwarnings("default")
def test_anything_can_be_measured_beside_busy_processes(begun, tmp_path, capsys):
    saved, alone = tmp_path / "results.json", tmp_path / "alone.json"
    command = ["bench", "--networks", "12-8-3", "--peers", "none", "--rounds", "2", "--busy", "2"]
    assert main([*command, "--json", str(saved)]) == 0
    assert [len(group.processes) for group in begun] == [2]
    document = results.load(saved)
    assert (document["environment"]["busy"], document["company"]) == (2, [])
    assert document["networks"]
    assert "everything was measured beside 2 busy processes" in capsys.readouterr().out
    document["environment"]["busy"] = 0
    results.save(document, alone)
    assert main(["compare", str(alone), str(saved)]) == 0
    assert "busy processes beside: ratios may differ" in capsys.readouterr().err


@pytest.mark.usefixtures("short")
def test_the_full_suite_has_a_section_in_company_unless_all_of_it_is(monkeypatch):
    asked = []

    def measure(workload, keys, harness):
        asked.append((workload, keys, harness))
        return {"doubts": []}

    monkeypatch.setattr(company, "measure", measure)
    monkeypatch.setattr(page, "as_text", lambda document: "")
    for module, name in ((networks, "measure"), (estimators, "measure_all"), (inference, "measure_all")):
        monkeypatch.setattr(module, name, lambda *_: [])
    monkeypatch.setattr(networks, "doubts", lambda row: [])
    monkeypatch.setattr(targets, "measure_all", lambda *_: [])
    monkeypatch.setattr("fastnet.cli.commands.bench._splits", lambda suite, data: [])
    for arguments in (["--suite", "full"], ["--suite", "full", "--busy", "1"], ["--suite", "quick"]):
        assert main(["bench", *arguments]) == 0
    assert tuple(workload for workload, _, _ in asked) == company.WORKLOADS
    assert all(set(company.OTHERS) <= set(keys) for _, keys, _ in asked)
    assert all(harness.rounds == 9 and harness.seconds <= 150 for _, _, harness in asked)


class Halves(Run):
    """Takes half a second, as it says, for each epoch."""

    def __init__(self, task):
        self._task, self.epochs = task, 0

    def warm_up(self):
        return 0.0

    def epoch(self):
        self.epochs += 1
        return 0.5

    def logits_argmax(self, X):
        raise NotImplementedError


@pytest.mark.parametrize(("seconds", "epochs"), [(0.0, 1), (0.5, 1), (1.2, 3)])
def test_whole_epochs_are_trained_until_the_time_is_up(seconds, epochs):
    workload = Workload((6, 5, 3), 8, samples=30, repeats=4)
    run = Halves(Task(workload, *workload.data(), n_threads=1, seed=0, learning_rate=0.1))
    assert run.train_for(seconds) == pytest.approx(30 * 4 / 0.5)
    assert run.epochs == epochs
