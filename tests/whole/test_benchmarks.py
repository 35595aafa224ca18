"""No operation without a benchmark: what asv and pytest-benchmark would find is compared with the operations."""

import importlib.util
import inspect
import os
import pkgutil
import subprocess
import sys
import warnings
from itertools import product
from pathlib import Path

import pytest

from fastnet import reference

FOLDER = Path(__file__).parents[2] / "benchmarks"
OPERATIONS = set(reference.__all__) - {"Groups", "Totals", "dropout_key", "layer_slices"}


@pytest.fixture(scope="module")
def suite():
    """Return the modules of the asv suite by name, imported from where it lies, beside the tests."""
    before = dict(sys.modules)
    spec = importlib.util.spec_from_file_location("benchmarks", FOLDER / "__init__.py")
    sys.modules["benchmarks"] = package = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)
    names = [name for _, name, _ in pkgutil.iter_modules(package.__path__)]
    yield {name: importlib.import_module(f"benchmarks.{name}") for name in names}
    for name in set(sys.modules) - set(before):
        if name.partition(".")[0] == "benchmarks":
            del sys.modules[name]


def classes(module, prefix):
    """Return the classes that asv finds in a module, by name, if they have methods of that prefix."""
    return {
        name: found
        for name, found in vars(module).items()
        if inspect.isclass(found) and not name.startswith("_") and any(key.startswith(prefix) for key in dir(found))
    }


def test_asv_times_and_compares_every_operation(suite):
    assert set(classes(suite["operations"], "time_")) == OPERATIONS
    assert set(classes(suite["speed_up"], "track_")) == OPERATIONS


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_asv_benchmark_calls_the_operation_that_it_is_named_after(suite, monkeypatch, operation):
    called, original = [], getattr(reference, operation)

    def noted(*args, **kwargs):
        called.append(operation)
        return original(*args, **kwargs)

    monkeypatch.setattr(reference, operation, noted)
    benchmark = getattr(suite["operations"], operation)()
    sizes, dtypes, implementations = benchmark.params
    assert implementations == ["compiled", "reference"]
    assert dtypes == ["float32", "float64"]
    parameters = sizes[0], dtypes[0], "reference"
    benchmark.setup(*parameters)
    assert called, "the setup must call once, so that nothing is compiled while it is timed"
    called.clear()
    benchmark.time_call(*parameters)
    assert called == [operation]


def test_asv_gives_new_arguments_to_each_timing_of_an_update(suite):
    benchmark = suite["operations"].sgd_step()
    parameters = next(iter(benchmark.cases)), "float64", "reference"
    results = []
    for _ in range(2):
        benchmark.setup(*parameters)
        results.append(benchmark.call()[0].sum())
    assert results[0] == results[1]


@pytest.mark.parametrize("name", ["training", "inference", "estimators", "start"])
def test_asv_finds_benchmarks_of_whole_runs(suite, name):
    found = [key for part in classes(suite[name], "").values() for key in dir(part)]
    assert any(key.startswith(("time_", "timeraw_", "track_", "peakmem_")) for key in found)


@pytest.mark.parametrize("library", ["fastnet", "sklearn"])
def test_asv_fits_estimators_and_asks_them(suite, library):
    fit, predict = suite["estimators"].FitClassifier(), suite["estimators"].PredictProba()
    fits, libraries = fit.params
    assert libraries == predict.params[0] == ["fastnet", "sklearn"]
    with warnings.catch_warnings():
        fit.setup(fits[-1], library)
        fit.time_fit(fits[-1], library)
        predict.setup(library)
    assert predict.model.predict_proba(predict.row).shape == (1, 10)
    assert library in type(predict.model).__module__


def test_pytest_benchmark_compares_every_operation():
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "", "-p", "no:cacheprovider", "comparison"]
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_DISABLE_JIT"}
    done = subprocess.run(command, cwd=FOLDER, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    tests = [line.partition("[")[2].rstrip("]") for line in done.stdout.splitlines() if "::" in line]
    for ending in product(("float32", "float64"), ("numpy", "numba")):
        assert {test.partition("-")[0] for test in tests if test.endswith("-".join(ending))} == OPERATIONS
