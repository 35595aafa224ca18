"""Fixtures that several test modules share."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

# A process of tests for each processor: threads of NumPy's would take it from each other, and wait by spinning.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

# Teams of the size that a test asks for; those that choose it themselves have tests of their own.
os.environ["FASTNET_ELASTIC"] = "0"

# scikit-learn checks estimators with other kinds of arrays only where SciPy was asked for them when it was imported.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

import fastnet.kernels
import fastnet.reference

pytest.register_assert_rewrite("company", "data_files")

# What commands print must not depend on where the tests run.
os.environ["COLUMNS"] = "80"

# What this process imports, others that tests start can import too.
os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(fastnet.__file__).parents[1]), *filter(None, sys.path)])
for name in ("CI", "FORCE_COLOR", "NO_COLOR"):
    os.environ.pop(name, None)

# Every module here offers the same operations; tests that take `implementation` run once for each.
IMPLEMENTATIONS: list[ModuleType] = [fastnet.reference, fastnet.kernels]


@pytest.fixture(params=IMPLEMENTATIONS, ids=lambda module: module.__name__)
def implementation(request: pytest.FixtureRequest) -> ModuleType:
    return request.param


@pytest.fixture(autouse=True)
def sparse_inputs_are_used_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let kernels for sparse samples be compiled in every training that they pay in."""
    if hasattr(getattr(fastnet.kernels, "step", None), "driver"):
        monkeypatch.setattr(fastnet.kernels.step.driver.epochs, "WORTH_COMPILING", 0)


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Let SIGINT interrupt, here and in processes that are started, though the tests may run where it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
