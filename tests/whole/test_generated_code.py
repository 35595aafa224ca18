"""What the compiler makes of the kernels: fused multiply-adds on whole vectors, and no double among floats."""

import re
import sys

import numba
import numpy as np
import pytest

from fastnet import kernels
from fastnet.compiler import policy
from fastnet.kernels import activations, dropout, gated, losses, optimizers, regression_losses, softmax
from fastnet.kernels.tile import plain
from fastnet.kernels.tile.micro_panels import TILE_ROWS, TILE_VECTORS, lanes
from fastnet.kernels.tile.operands import PanelEpilogue, Panels
from fastnet.kernels.tile.packing import FIRST
from fastnet.kernels.tile.panel_products import multiply_panels
from fastnet.measure.cases import CASES, run


def compiled(function, signature):
    """Compile a function as kernels are; return the functions of its optimised code, as text.

    Code from the cache has none. The boundary to Python is left out.
    """
    fresh = policy.compile_lazily(function)
    fresh.compile(signature)
    code = next(iter(fresh.inspect_llvm().values()))
    functions = re.findall(r"^define [^\n]*\{\n.*?^\}", code, re.MULTILINE | re.DOTALL)
    own = [one for one in functions if "cpython" not in one.split("\n")[0]]
    assert own
    return own


def functions_of(kernel, operation):
    """Let a kernel meet float32 in a small case; return the functions of its code for that."""
    case = next(one for one in CASES if one.operation == operation and one.size.startswith(("7", "31", "13")))
    run(kernels, case, case.arguments(np.float32))
    signature = next(one for one in kernel.signatures if "Array(float32" in repr(one) or "array(float32" in repr(one))
    return compiled(kernel.py_func, signature)


def vector_loops(functions):
    """Return the blocks of functions that load vectors."""
    blocks = [block for one in functions for block in re.split(r"\n(?=[\w.\"]+:)", one)]
    return [block for block in blocks if re.search(r"load <\d+ x (float|double)>", block)]


def multiply(a, b, c, k, m, n):
    """Multiply panels, as every product does it between its other work."""
    product = Panels(c, 0, m)
    multiply_panels(Panels(a, 0, m), Panels(b, 0, k), k, product, (m, n), FIRST, n, PanelEpilogue(0, product, False))


@pytest.mark.parametrize(("dtype", "kind"), [("float32", "f32"), ("float64", "f64")])
def test_the_tile_is_fused_multiply_adds_on_whole_vectors(dtype, kind):
    call = f"@llvm.fma.v{lanes(np.dtype(dtype).itemsize)}{kind}("
    array = numba.typeof(np.empty(0, dtype))
    tiles = [one for one in compiled(multiply, (*[array] * 3, *[numba.int64] * 3)) if call in one]
    assert tiles
    for tile in tiles:
        assert tile.count(call) >= TILE_ROWS * (TILE_VECTORS + 1)  # the wide tile and the tall one
        assert not re.search(r"\bdouble\b" if kind == "f32" else r"\bfloat\b", tile)
        loops = [block for block in vector_loops([tile]) if call in block]
        assert loops
        assert not any(re.search(r"= fmul|= fadd", block) for block in loops)


@pytest.mark.parametrize(
    ("kernel", "operation"),
    [
        (activations._activate, "sigmoid_forward"),
        (activations._differentiate, "tanh_backward"),
        (gated._differentiate_at, "gelu_backward"),
        (softmax._softmax, "softmax_forward"),
        (losses._mean_difference, "squared_error_backward"),
        (regression_losses._absolute_error_backward, "absolute_error_backward"),
        (regression_losses._poisson_backward, "poisson_backward"),
    ],
    ids=lambda value: value.py_func.__name__.strip("_") if hasattr(value, "py_func") else None,
)
def test_kernels_of_float32_hold_no_double_and_are_vector_code(kernel, operation):
    functions = functions_of(kernel, operation)
    assert not any("double" in one for one in functions)
    assert vector_loops(functions)


def test_softmax_backward_of_float32_holds_no_double():
    for kernel, operation in (
        (softmax._softmax_backward, "softmax_backward"),
        (softmax._log_softmax_backward, "log_softmax_backward"),
        (plain._plain_gradients, "linear_backward"),
    ):
        assert not any("double" in one for one in functions_of(kernel, operation))


@pytest.mark.parametrize(
    ("kernel", "operation"),
    [(regression_losses._huber_backward, "huber_backward"), (dropout._drop, "dropout_forward")],
    ids=["huber", "dropout"],
)
def test_settings_of_float32_kernels_are_double_and_their_loops_are_not(kernel, operation):
    loops = vector_loops(functions_of(kernel, operation))
    assert loops
    assert not any("double" in one for one in loops)


def test_dropout_draws_whole_vectors_of_32_bits():
    functions = functions_of(dropout._drop, "dropout_forward")
    assert any(re.search(rf"mul <{lanes(4)} x i32>", one) for one in functions)
    assert not any(re.search(r"mul <\d+ x i64>", one) for one in functions)


def test_optimizers_of_float32_use_double_for_settings_only():
    functions = functions_of(optimizers._step, "adam_step")
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
        if kernel.py_func.__module__.endswith(".plain"):
            dimensions = {tuple(one.ndim for one in of if hasattr(one, "ndim")) for of in kernel.signatures}
            assert len(dimensions) <= 2  # matrices, and stacks of them
        elif name.startswith("_") or kernel.py_func.__module__.endswith(".direct"):
            counts[name] = sum("float32" in repr(one) for one in kernel.signatures)
    assert counts.pop("_describe") <= 3  # non-zeros of float32 are those of float32, float64 or pixels
    assert {name: count for name, count in counts.items() if count > 1} == {}
    assert counts["multiply_directly"] == 1
