"""What NUMBA_DISABLE_JIT leaves: the reference under the kernels' names, and nothing to measure."""

import os
import subprocess
import sys

import pytest

USED = """
import numpy as np
from fastnet import MLPClassifier, Network, Predictor, Trainer, kernels, reference
assert set(kernels.__all__) == set(reference.__all__)
assert all(getattr(kernels, name) is getattr(reference, name) for name in kernels.__all__)
X, y = np.eye(4, dtype=np.float32), np.arange(4)
network = Network([4, 4], seed=0)
trainer, predictor = Trainer(network, seed=0), Predictor(network, "cross_entropy")
trainer.fit(X, y, epochs=2)
assert [predictor(x) for x in X] == trainer.predict(X).tolist()
assert predictor.logits.dtype == np.float32
assert MLPClassifier((8,), max_iter=1000, random_state=0, solver="lbfgs").fit(X, y).score(X, y) == 1.0
"""


def uncompiled(*arguments):
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-P", "-W", "error", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_the_kernels_are_the_reference_and_all_that_uses_them_works():
    finished = uncompiled("-c", USED)
    assert finished.returncode == 0, finished.stderr


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
