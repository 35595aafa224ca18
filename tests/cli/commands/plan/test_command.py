"""`fastnet plan`: its document, its table, its page, and what it refuses."""

import json

import pytest

from fastnet.cli import main
from fastnet.measure import scaling

pytestmark = pytest.mark.usefixtures("empty_folder")


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    """Measure for a moment only."""
    measure = scaling.measure
    monkeypatch.setattr(scaling, "measure", lambda plan, ranks: measure(plan, ranks, seconds=0.001))


def test_the_document_holds_a_row_for_each_link_and_number_of_ranks(capsys):
    assert main(["plan", "6-5-3", "4-2", "--batch-size", "64,32", "--ranks", "2,64", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [(one["network"], one["batch_size"]) for one in document["networks"]] == [("6-5-3", 64), ("4-2", 32)]
    assert [len(one["rows"]) for one in document["networks"]] == [6, 3], "32 samples are too few for 64 ranks"
    assert {row["link"] for row in document["networks"][0]["rows"]} == {one["name"] for one in document["links"]}


def test_the_table_is_printed_and_written(capsys, tmp_path):
    asked = ["plan", "6-5-3", "--batch-size", "64", "--ranks", "2", "--bandwidth", "100", "--latency", "2"]
    assert main([*asked, "--markdown", "plan.md"]) == 0
    printed, page = capsys.readouterr().out, (tmp_path / "plan.md").read_text("utf-8")
    assert "6-5-3, batch 64" in printed
    assert "100 Gbit/s, 2 us" in printed
    assert page.startswith("# Scaling, predicted\n")
    assert "| ranks | shards | compute | 100 Gbit/s, 2 us |" in page


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("6", "NETWORK must be layer sizes such as 784-128-10, got '6'"),
        ("6-3 --batch-size 4", "--batch-size must be at least 8, the shards of a batch, got 4"),
        ("6-3 --batch-size 8,16", "--batch-size must be one number, or one for each of 1 networks"),
        ("6-3 --batch-size x", "--batch-size must be whole numbers from 1 on"),
        ("6-3 --ranks 2,3", "--ranks must be powers of two, got 3"),
        ("6-3 --shards 6", "--shards must be a power of two, got 6"),
        ("6-3 --latency 2", "--latency needs --bandwidth"),
        ("6-3 --bandwidth 0", "--bandwidth must be more than 0, got 0.0"),
        ("6-3 --bandwidth 1 --latency nan", "--latency must be at least 0, got nan"),
        ("6-3 --check --shards 1", "--check needs two shards at least"),
        ("6-3 --markdown missing/plan.md", "missing"),
    ],
)
def test_what_cannot_be_planned_is_refused_in_one_line(options, message, capsys):
    assert main(["plan", *options.split()]) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert errors.count("\n") == 1
