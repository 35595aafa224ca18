"""How much is compiled: one form of a kernel for each dtype, and those stages that a training needs."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numba
import numpy as np
from fences import NETWORKS, SMALL

from fastnet import kernels
from fastnet.kernels.runtime.stages import address_of
from fastnet.kernels.step.driver import epochs
from fastnet.measure.cases import DTYPES, Training, run


def strided(array):
    """Every second element along every axis of a larger array."""
    larger = np.ones([2 * n for n in array.shape], array.dtype)
    view = larger[(..., *(slice(None, None, 2) for _ in array.shape))]
    view[...] = array
    return view


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


LAYOUTS = [np.ascontiguousarray, np.asfortranarray, strided, read_only]
WHOLE = [int, np.int64, np.uint32]
REAL = [float, np.float32, lambda value: int(value) if value == int(value) else value]


def variants(case, dtype):
    """Yield a case's arguments in all layouts, and with all kinds of numbers."""
    for i in range(max(len(LAYOUTS), len(REAL))):
        arguments = case.arguments(dtype)
        for name, value in arguments.items():
            if isinstance(value, np.ndarray) and name not in case.updates:
                arguments[name] = LAYOUTS[i % len(LAYOUTS)](value)
            elif type(value) is float:
                arguments[name] = REAL[i % len(REAL)](value)
            elif type(value) is int:
                arguments[name] = WHOLE[i % len(WHOLE)](value)
        yield arguments


def predict(layout, scale, dtype):
    """Predict some rows, in threads and without, and fewer: each takes another way."""
    parameters = np.ones(15, dtype)
    for vector in (parameters, read_only(parameters)):
        for n_rows, n_threads in ((2, None), (9, None), (9, 2)):
            x = layout(np.ones((n_rows, 4), dtype))
            kernels.predict_logits(vector, x, (4, 3), (), scale, n_threads=n_threads)


DTYPE_NAMES = ("float32", "float64")


def forms_of_operations():
    """Run all operations but those of training; return the forms of all kernels."""
    for dtype in DTYPES:
        for case in SMALL:
            if case not in NETWORKS:
                for arguments in variants(case, dtype):
                    run(kernels, case, arguments)
        for layout in LAYOUTS:
            for real in REAL:
                predict(layout, real(1.0), dtype)
    return forms()


def forms():
    """Return for each kernel that was compiled or loaded the counts of its forms of float32, and of float64 alone.

    What is inlined into them, and so has no cache, counts for nothing: it is compiled where they are not loaded.
    """
    counts = {}
    for module in [one for name, one in sys.modules.items() if name.startswith("fastnet.kernels.")]:
        for name, kernel in vars(module).items():
            if isinstance(kernel, numba.core.dispatcher.Dispatcher) and kernel.stats.cache_path and kernel.signatures:
                single, double = (sum(dtype in repr(one) for one in kernel.signatures) for dtype in DTYPE_NAMES)
                if single or double:  # else it takes no numbers
                    counts[name] = [single, len(kernel.signatures) - single]
    return counts


FIRST = Training(40, (20, 33, 10), ("relu",), "cross_entropy", "adam", 7)
SGD = replace(FIRST, optimizer="sgd")
FEW_OUTPUTS, SPARSE = replace(SGD, sizes=(300, 7, 10)), replace(SGD, filled=0.2)
STAGES = [
    (FIRST, 11),
    (replace(FIRST, n=13, sizes=(3, 70, 5, 2), activations=("relu", "relu"), batch_size=5, weighted=True), 0),
    (replace(FIRST, activations=("tanh",)), 2),  # activation, activation_backward
    (replace(FIRST, sizes=(20, 10), activations=()), 0),
    (SGD, 1),  # update
    (replace(SGD, loss="squared_error"), 1),
    (replace(SGD, clip_norm=0.5, clip_value=0.1), 3),  # store, squares, clipped
    (replace(SGD, dropout=(0.5,)), 3),  # drop; activation and its backward with slopes
    (replace(SGD, l2=0.1), 2),  # penalty; update
    (replace(SGD, n=600, batch_size=600), 0),  # in blocks: store
    (FEW_OUTPUTS, 5),  # gather, multiply, add, activation, update
    (replace(FEW_OUTPUTS, sizes=(256, 9), activations=()), 0),
    (SPARSE, 3),  # gather, multiply, update
    (replace(SPARSE, sizes=(130, 64, 10)), 0),
]


def stages_of_trainings():
    """Return for each training the count of stages that it needs beyond those before it, and then of forms."""
    epochs.WORTH_COMPILING = 0
    counts = []
    for training, _ in STAGES:
        before = address_of.cache_info().misses
        for n_threads in (1, 2):
            arguments = training.make(np.dtype(np.float32), np.random.default_rng(1))
            x, y, order = (arguments[name] for name in ("x", "y", "order"))
            kernels.train_epoch(**arguments, n_threads=n_threads)
            changed = {"x": np.asfortranarray(x), "y": read_only(y), "order": read_only(order), "step": np.int64(3)}
            changed |= {"batch_size": np.int32(training.batch_size), "sizes": [np.int64(n) for n in training.sizes]}
            kernels.train_epoch(**{**arguments, **changed}, n_threads=n_threads)
        counts.append(address_of.cache_info().misses - before)
    return counts, forms()


SCRIPT = """
import json, sys
sys.path.insert(0, sys.argv[1])
import test_specialisations
print(json.dumps(getattr(test_specialisations, sys.argv[2])()))
"""


def in_a_fresh_process(function):
    folder = Path(__file__).parent
    path = os.pathsep.join([str(folder.parents[1]), *filter(None, sys.path)])
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, str(folder), function.__name__],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


def test_a_kernel_has_one_form_for_each_dtype_whatever_the_layout_of_arrays_and_the_kind_of_numbers():
    actual = in_a_fresh_process(forms_of_operations)
    assert len(actual) > 20
    assert [actual.pop(name) for name in ("_plain_product", "_plain_gradients")] == [
        [2, 2],
        [2, 2],
    ]  # matrices, and stacks
    assert {name: count for name, count in actual.items() if count != [1, 1]} == {}


def test_a_training_has_just_the_parts_compiled_that_it_does_not_share():
    counts, kernel_forms = in_a_fresh_process(stages_of_trainings)
    assert counts == [expected for _, expected in STAGES]
    assert {name: count for name, count in kernel_forms.items() if count != [1, 0]} == {}
