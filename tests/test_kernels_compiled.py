"""What the compiler makes of the kernels, where it keeps them, and the threads they run in."""

import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numba
import numpy as np
import pytest

import fastnet
from fastnet import _jit, kernels
from fastnet._threads import run_team
from fastnet.cases import CASES, Training, run
from fastnet.kernels import (
    activations,
    dropout,
    elementary,
    gemm,
    linear,
    losses,
    optimizers,
    rectifiers,
    regression_losses,
    softmax,
)
from fastnet.kernels.barrier import meet
from fastnet.kernels.simd import TILE_ROWS, TILE_VECTORS, lanes

PACKAGE = Path(fastnet.__file__).parent


# Code


def assembly_of(kernel, dtype):
    """Return the optimised LLVM code of a kernel for arrays of a dtype; code from the cache has none."""
    name = f"Array({np.dtype(dtype).name}"
    signature = next(one for one in kernel.signatures if name in repr(one) or f"array({name[6:]}" in repr(one))
    fresh = numba.njit(**_jit._FLAGS)(kernel.py_func)
    fresh.compile(signature)
    return next(iter(fresh.inspect_llvm().values()))


def functions_of(kernel, dtype, operation):
    """Let the kernel meet the dtype in a small case; return the functions of its code, as text.

    The boundary to Python is left out.
    """
    case = next(one for one in CASES if one.operation == operation and one.size.startswith(("7", "31", "13")))
    run(kernels, case, case.arguments(dtype))
    code = assembly_of(kernel, dtype)
    functions = re.findall(r"^define [^\n]*\{\n.*?^\}", code, re.MULTILINE | re.DOTALL)
    own = [one for one in functions if "cpython" not in one.split("\n")[0]]
    assert own
    return own


def vector_loops(functions):
    """Return the blocks of functions that load vectors."""
    blocks = [block for one in functions for block in re.split(r"\n(?=[\w.\"]+:)", one)]
    return [block for block in blocks if re.search(r"load <\d+ x (float|double)>", block)]


@pytest.mark.parametrize(("dtype", "kind"), [(np.float32, "f32"), (np.float64, "f64")])
def test_the_tile_is_fused_multiply_adds_on_whole_vectors(dtype, kind):
    call = f"@llvm.fma.v{lanes(np.dtype(dtype).itemsize)}{kind}("
    tiles = [one for one in functions_of(gemm._multiply, dtype, "linear_forward") if call in one]
    assert tiles
    for tile in tiles:
        assert tile.count(call) >= TILE_ROWS * (TILE_VECTORS + 1)  # the wide tile and the narrow one
        assert not re.search(r"\bdouble\b" if kind == "f32" else r"\bfloat\b", tile)
        loops = [block for block in vector_loops([tile]) if call in block]
        assert loops
        assert not any(re.search(r"= fmul|= fadd", block) for block in loops)


@pytest.mark.parametrize(
    ("kernel", "operation"),
    [
        (activations._activate, "sigmoid_forward"),
        (activations._differentiate, "tanh_backward"),
        (rectifiers._differentiate_at, "gelu_backward"),
        (softmax._softmax, "softmax_forward"),
        (losses._mean_difference, "squared_error_backward"),
        (regression_losses._absolute_error_backward, "absolute_error_backward"),
        (regression_losses._poisson_backward, "poisson_backward"),
    ],
    ids=lambda value: value.py_func.__name__.strip("_") if hasattr(value, "py_func") else None,
)
def test_kernels_of_float32_hold_no_double_and_are_vector_code(kernel, operation):
    functions = functions_of(kernel, np.float32, operation)
    assert not any("double" in one for one in functions)
    assert vector_loops(functions)


def test_softmax_backward_of_float32_holds_no_double():
    for kernel, operation in (
        (softmax._softmax_backward, "softmax_backward"),
        (softmax._log_softmax_backward, "log_softmax_backward"),
        (linear._sum_rows, "linear_backward"),
    ):
        assert not any("double" in one for one in functions_of(kernel, np.float32, operation))


@pytest.mark.parametrize(
    ("kernel", "operation"),
    [(regression_losses._huber_backward, "huber_backward"), (dropout._drop, "dropout_forward")],
    ids=["huber", "dropout"],
)
def test_settings_of_float32_kernels_are_double_and_their_loops_are_not(kernel, operation):
    loops = vector_loops(functions_of(kernel, np.float32, operation))
    assert loops
    assert not any("double" in one for one in loops)


def test_dropout_draws_whole_vectors_of_32_bits():
    functions = functions_of(dropout._drop, np.float32, "dropout_forward")
    assert any(re.search(rf"mul <{lanes(4)} x i32>", one) for one in functions)
    assert not any(re.search(r"mul <\d+ x i64>", one) for one in functions)


def test_optimizers_of_float32_use_double_for_settings_only():
    functions = functions_of(optimizers._step, np.float32, "adam_step")
    assert not any(re.search(r"<\d+ x double>", one) for one in functions)
    loops = vector_loops(functions)
    assert any("@llvm.sqrt.v" in one for one in loops)
    assert not any("double" in one for one in loops)


def test_every_kernel_is_compiled_once_for_a_dtype():
    """Layouts, shapes, broadcasting, labels of any integer and read-only arrays need no other compilation."""
    own = {
        name: kernel
        for module in list(sys.modules.values())
        if getattr(module, "__name__", "").startswith("fastnet.kernels.")
        for name, kernel in vars(module).items()
        if isinstance(kernel, numba.core.dispatcher.Dispatcher)
        and "no_cpython_wrapper" not in kernel.targetoptions  # else what kernels call, whose variants it shares
    }
    for case in CASES:
        if not case.realistic and case.operation not in ("train_epoch", "prepare_training", "predict_logits"):
            run(kernels, case, case.arguments(np.float32))
            arguments = case.arguments(np.float32)
            for name, value in arguments.items():
                if isinstance(value, np.ndarray) and name not in case.updates:
                    value.flags.writeable = False
                    arguments[name] = np.asfortranarray(value) if len(case.size) % 2 else value
            run(kernels, case, arguments)
    counts = {}
    for name, kernel in own.items():
        if name.startswith("_"):
            counts[name] = sum("float32" in repr(one) for one in kernel.signatures)
    assert counts.pop("_place") == 2  # a state holds inputs of float32, or pixels
    assert counts.pop("_describe") <= 3  # entries of float32 are those of float32, float64 or pixels
    assert {name: count for name, count in counts.items() if count > 1} == {}
    assert counts["_multiply"] == 1


# Elementary functions


@numba.njit
def _exp(x, y):
    for i in range(x.size):
        y[i] = elementary.exp(x[i])


@numba.njit
def _expm1(x, y):
    for i in range(x.size):
        y[i] = elementary.expm1(x[i])


@numba.njit
def _log(x, y):
    for i in range(x.size):
        y[i] = elementary.log(x[i])


@numba.njit
def _log1p(x, y):
    for i in range(x.size):
        y[i] = elementary.log1p(x[i])


INNER = {"exp": _exp, "expm1": _expm1, "log": _log, "log1p": _log1p}


def evaluate(name, x):
    if name in INNER:
        y = np.empty_like(x)
        INNER[name](x, y)
        return y
    return getattr(kernels, f"{name}_forward")(x)


def exact(name, x):
    """Compute in extended precision, with 11 bits or more to spare."""
    x = x.astype(np.longdouble)
    if name in INNER or name == "tanh":
        return getattr(np, name)(x)
    small = np.exp(-np.abs(x))
    if name == "softplus":
        return np.maximum(x, 0) + np.log1p(small)
    return np.where(x >= 0, 1, small) / (1 + small)


RANGES = {
    # up to where the result is 0, or 1, or inf
    ("exp", np.float32): (-104.5, 89.5),
    ("exp", np.float64): (-746.5, 710.5),
    ("expm1", np.float32): (-30.0, 0.0),
    ("expm1", np.float64): (-50.0, 0.0),
    ("sigmoid", np.float32): (-104.5, 20.0),
    ("sigmoid", np.float64): (-746.5, 40.0),
    ("tanh", np.float32): (-11.0, 11.0),
    ("tanh", np.float64): (-21.0, 21.0),
    ("softplus", np.float32): (-104.5, 30.0),
    ("softplus", np.float64): (-746.5, 50.0),
}
ULP = {"exp": 1.0, "expm1": 2.0, "sigmoid": 2.5, "tanh": 3.0, "softplus": 2.5, "log": 1.5, "log1p": 2.0}
EXTENDED = np.finfo(np.longdouble).nmant > np.finfo(np.float64).nmant
functions = pytest.mark.parametrize(("name", "dtype"), RANGES, ids=lambda v: v if isinstance(v, str) else v.__name__)


@functions
def test_elementary_functions_within_their_bounds_in_ulp(name, dtype):
    if dtype == np.float64 and not EXTENDED:
        pytest.skip("long double is no longer than double here")
    rng = np.random.default_rng(8)
    low, high = RANGES[name, dtype]
    tiny = np.exp(rng.uniform(np.log(float(np.finfo(dtype).tiny)), np.log(-low), 100_000))
    x = np.concatenate([rng.uniform(low, high, 200_000), tiny[tiny < high], -tiny]).astype(dtype)
    expected = exact(name, x)
    with np.errstate(over="ignore"):
        rounded = expected.astype(dtype)
    actual = evaluate(name, x)
    finite = np.isfinite(rounded)
    unit = np.spacing(np.abs(rounded[finite])).astype(np.longdouble)
    errors = np.abs(actual[finite].astype(np.longdouble) - expected[finite]) / unit
    assert errors.max() <= ULP[name]
    # overflow may come one unit in the last place early or late
    assert (actual[~finite] >= np.finfo(dtype).max).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logarithms_within_their_bounds_in_ulp(dtype):
    if dtype == np.float64 and not EXTENDED:
        pytest.skip("long double is no longer than double here")
    rng, info = np.random.default_rng(8), np.finfo(dtype)
    wide = np.exp(rng.uniform(np.log(float(info.tiny)), np.log(float(info.max)), 200_000))
    near = np.linspace(0.25, 4, 200_001)
    around_one = 1 + info.eps * np.arange(-2000, 2000)
    for name, x in (
        ("log", np.concatenate([wide, near, around_one, [info.tiny, info.max]])),
        ("log1p", np.concatenate([wide[wide < 1], np.linspace(0, 1, 200_001)])),
    ):
        x = x.astype(dtype)
        expected = exact(name, x)
        unit = np.spacing(np.abs(expected.astype(dtype))).astype(np.longdouble)
        assert (np.abs(evaluate(name, x).astype(np.longdouble) - expected) <= ULP[name] * unit).all()
    assert np.isnan(evaluate("log", np.array([-1.0, -np.inf, np.nan], dtype))).all()
    assert np.isnan(evaluate("log1p", np.array([np.nan], dtype))).all()


@functions
def test_elementary_functions_at_zero_infinity_and_nan(name, dtype):
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e30, -1e30], dtype)
    expected = {
        "exp": [1, 1, np.inf, 0, np.nan, np.inf, 0],
        "expm1": [0, 0, 0, -1, np.nan, 0, -1],
        "softplus": [np.log(2), np.log(2), np.inf, 0, np.nan, 1e30, 0],
        "sigmoid": [0.5, 0.5, 1, 0, np.nan, 1, 0],
        "tanh": [0.0, -0.0, 1, -1, np.nan, 1, -1],
    }[name]
    actual = evaluate(name, x)
    np.testing.assert_array_equal(actual, np.array(expected, dtype))
    np.testing.assert_array_equal(np.signbit(actual[:2]), np.signbit(np.array(expected[:2])))


@functions
def test_elementary_functions_stay_in_range_and_do_not_fall(name, dtype):
    """On neighbouring numbers around the ends of the range, results fall by two units in the last place at most."""
    low, high = RANGES[name, dtype]
    units = np.arange(-2000, 2000)
    for centre in (low, high, low + 1, high - 1, 0.5, -0.5, np.log(2) / 2, 9.0, 17.0, 19.1):
        x = np.asarray(dtype(centre) + units * np.spacing(np.abs(dtype(centre))), dtype)
        y = evaluate(name, x)
        ends = {"sigmoid": (0, 1), "tanh": (-1, 1), "expm1": (-1, 0)}.get(name, (0, np.inf))
        assert ends[0] <= y.min()
        assert y.max() <= ends[1]
        finite = y[np.isfinite(y)]
        assert (np.diff(finite) >= -2 * np.spacing(np.abs(finite[:-1]))).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tanh_is_odd_and_small_numbers_are_their_own_tanh(dtype):
    x = np.geomspace(np.finfo(dtype).smallest_subnormal, 20, 5000, dtype=np.float64).astype(dtype)
    np.testing.assert_array_equal(kernels.tanh_forward(-x), -kernels.tanh_forward(x))
    small = x[x < np.finfo(dtype).eps]
    np.testing.assert_allclose(kernels.tanh_forward(small), small, rtol=2 * np.finfo(dtype).eps)


# The cache and the place of installation, in processes of their own

COMPUTE = """
import os, sys, warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import fastnet.kernels, numpy as np
    y = fastnet.kernels.relu_forward(np.array([-1.5, 0.0, 2.0], np.float32))
assert y.tolist() == [0.0, 0.0, 2.0], y
print(fastnet.__file__)
print(fastnet._jit.cache_directory() if not caught else "")
for one in caught:
    print(one.category.__name__, one.message)
"""
VARIABLES = ("FASTNET_CACHE_DIR", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "HOME", "PYTHONPATH", "FASTNET_VECTOR_BITS")


def python(script, package_folder=PACKAGE.parent, timeout=120, **environment):
    """Run a script that imports fastnet from a folder; return the lines it printed."""
    kept = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    environment = {"PYTHONPATH": str(package_folder), "PYTHONDONTWRITEBYTECODE": "1", **environment}
    finished = subprocess.run(
        [sys.executable, "-P", "-c", script],
        env={**kept, **{name: str(value) for name, value in environment.items()}},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.splitlines()


def copy_of_the_package(folder):
    shutil.copytree(PACKAGE, folder / "fastnet", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def files_below(folder):
    return {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))}


def no_folder(tmp_path):
    """Return a path that not even root can make a folder of."""
    (tmp_path / "file").touch()
    return tmp_path / "file" / "below"


def test_kernels_are_kept_where_the_environment_says(tmp_path):
    _, folder, *warned = python(COMPUTE, FASTNET_CACHE_DIR=tmp_path)
    assert warned == []
    assert Path(folder).parent == tmp_path / "fastnet"
    assert list(Path(folder).rglob("*.nbc"))
    before = files_below(tmp_path)
    assert python(COMPUTE, FASTNET_CACHE_DIR=tmp_path) == [_, folder]
    assert files_below(tmp_path) == before


@pytest.mark.parametrize("source", ["kernels/simd.py", "kernels/passes.py", "_jit.py"])
def test_a_change_in_any_kernel_changes_the_folder(source, tmp_path):
    site = copy_of_the_package(tmp_path)
    script = "from fastnet import _jit; print(_jit.__file__, _jit.digest())"
    (before,), (again,) = python(script, site), python(script, site)
    with (site / "fastnet" / source).open("a") as file:
        file.write("\n# a change\n")
    (after,) = python(script, site)
    assert str(site) in before
    assert before == again != after


def test_vector_width_and_processor_change_the_folder():
    script = "from fastnet import _jit; print(_jit.digest())"
    settings = [{"FASTNET_VECTOR_BITS": bits} for bits in (128, 256, 512)] + [{"NUMBA_CPU_NAME": "generic"}]
    digests = [python(script, **setting)[0] for setting in settings]
    assert len(set(digests)) == len(settings)


def test_a_cache_that_cannot_be_written_is_one_warning(tmp_path):
    _, _, *warned = python(COMPUTE, FASTNET_CACHE_DIR=no_folder(tmp_path))
    assert len(warned) == 1
    assert warned[0].startswith("RuntimeWarning compiled kernels are not cached")
    assert "FASTNET_CACHE_DIR" in warned[0]


def test_a_read_only_installation_computes_and_is_left_as_it_was(tmp_path):
    site = copy_of_the_package(tmp_path / "site")
    folders = [path for path in (site, *site.rglob("*")) if path.is_dir()]
    before = files_below(site)
    for path in (*before, *folders):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        where, _, *warned = python(COMPUTE, site, **dict.fromkeys(("HOME", "LOCALAPPDATA"), no_folder(tmp_path)))
    finally:
        for path in folders:
            path.chmod(0o755)
    assert Path(where).is_relative_to(site)
    assert [one.split()[0] for one in warned] == ["RuntimeWarning"]
    assert files_below(site) == before


# Teams of threads


@numba.njit(nogil=True)
def _meet_often(barrier, n_threads, times):
    going_on = True
    for _ in range(times):
        going_on = going_on and meet(barrier, n_threads)
    return going_on


def finishes(function, seconds=60):
    """Call a function in a thread that may be left behind; return what it raised."""
    raised = []

    def call():
        try:
            function()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), "it hangs"
    return raised


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_an_exception_in_one_worker_stops_the_team_and_is_raised(failing):
    met = {}

    def worker(thread, n_threads, barrier):
        assert _meet_often(barrier, n_threads, 3)
        if thread == failing:
            raise KeyError(f"worker {failing}")
        met[thread] = _meet_often(barrier, n_threads, 1)

    raised = finishes(lambda: run_team(worker, 3))
    assert [(type(one), one.args) for one in raised] == [(KeyError, (f"worker {failing}",))]
    assert met == {thread: False for thread in range(3) if thread != failing}


@pytest.mark.parametrize("n_threads", [1, 2, 7])
def test_every_thread_of_a_team_runs_and_meets_the_others(n_threads):
    """More threads than processors make progress too."""
    met = {}

    def worker(thread, team, barrier, times):
        met[thread] = (team, _meet_often(barrier, team, times))

    assert finishes(lambda: run_team(worker, n_threads, 200)) == []
    assert met == dict.fromkeys(range(n_threads), (n_threads, True))


def test_a_counter_between_barriers_is_seen_by_all():
    @numba.njit(nogil=True)
    def count(thread, n_threads, barrier, counts, failures):
        for turn in range(500):
            counts[16 * thread] = turn
            meet(barrier, n_threads)
            for other in range(n_threads):
                failures[thread] += counts[16 * other] != turn
            meet(barrier, n_threads)

    counts, failures = np.zeros(16 * 3, np.int64), np.zeros(3, np.int64)
    assert finishes(lambda: run_team(count, 3, counts, failures)) == []
    assert failures.tolist() == [0, 0, 0]


def test_two_python_threads_train_at_once():
    training = Training(300, (13, 20, 4), ("relu",), "cross_entropy", "momentum", 16)

    def train(n_threads):
        arguments = training.make(np.dtype(np.float32), np.random.default_rng(1))
        kernels.train_epoch(**arguments, n_threads=n_threads)
        return arguments["parameters"].tobytes()

    expected, actual = train(1), []

    def train_often():
        actual.extend(train(2) for _ in range(10))

    threads = [threading.Thread(target=train_often, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert actual == [expected] * 20


FORK = """
import os, signal
import numpy as np
from fastnet import kernels
x, parameters = np.ones((50, 30), np.float32), np.linspace(-1, 1, 30 * 9 + 9 + 9 * 2 + 2, dtype=np.float32)

def predict():
    return kernels.predict_logits(parameters, x, (30, 9, 2), ("tanh",), n_threads=2).tobytes()

expected = predict()
child = os.fork()
if child == 0:
    signal.alarm(60)
    os._exit(0 if predict() == expected else 3)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status), predict() == expected)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_predicts_with_a_team_of_its_own():
    cache = {name: os.environ[name] for name in ("FASTNET_CACHE_DIR", "HOME") if name in os.environ}
    assert python(FORK, **cache) == ["0 True"]
