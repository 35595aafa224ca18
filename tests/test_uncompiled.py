"""Commands where NUMBA_DISABLE_JIT is set: the reference trains, and there is nothing to measure."""

import os
import subprocess
import sys

import pytest


def uncompiled(*arguments):
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-P", "-W", "error", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_training_ends_with_a_report_that_knows_no_peak(tmp_path):
    model, report = tmp_path / "model.npz", tmp_path / "report.html"
    training = ["train", "--hidden", "4", "--epochs", "1", "--out", str(model), "--report", str(report)]
    finished = uncompiled("-m", "fastnet", *training)
    assert finished.returncode == 0, finished.stderr
    assert "the peak of float32 was not measured: NUMBA_DISABLE_JIT is set" in report.read_text("utf-8")


@pytest.mark.parametrize("command", ["compare", "bench"])
def test_what_would_measure_the_kernels_refuses(command):
    finished = uncompiled("-m", "fastnet", command)
    assert finished.returncode == 2
    assert "needs compiled kernels, and NUMBA_DISABLE_JIT is set: unset it" in finished.stderr


def test_the_machine_is_described_without_a_peak():
    finished = uncompiled("-m", "fastnet", "info")
    assert finished.returncode == 0, finished.stderr
    assert "FMA peak      not measured: NUMBA_DISABLE_JIT is set" in finished.stdout
