"""The examples, which hold their own assertions, run from beginning to end."""

import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(path, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", [str(path)])
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    runpy.run_path(str(path), run_name="__main__")


def test_the_ladder_from_a_loop_to_a_step_holds_against_numpy_on_every_rung():
    command = [sys.executable, "-P", str(EXAMPLES[0].parent / "ladder"), "0.01"]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert finished.returncode == 0, finished.stderr
    rates = [float(line.split()[2]) for line in finished.stdout.splitlines()[1:]]
    assert len(rates) == 8
    assert min(rates) > 0


@pytest.mark.parametrize("path", [*EXAMPLES, EXAMPLES[0].parent / "ladder"], ids=lambda path: path.stem)
def test_example_explains_itself(path):
    command = [sys.executable, "-P", str(path), "--help"]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout.startswith("usage: ")


def test_there_are_examples():
    assert {path.stem for path in EXAMPLES} >= {"digit_recogniser", "formulas_to_kernels"}
