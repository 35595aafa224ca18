"""The examples, which hold their own assertions, run from beginning to end."""

import runpy
import sys
import tempfile
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(path, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", [str(path)])
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    runpy.run_path(str(path), run_name="__main__")


def test_there_are_examples():
    assert {path.stem for path in EXAMPLES} >= {"digit_recogniser", "formulas_to_kernels"}
