"""The same bits everywhere: what this machine computes, with vectors of any width, stands in the table of digests."""

import gc
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import digests
import pytest
from numba.core.dispatcher import Dispatcher

from fastnet.compiler import policy

TABLE = json.loads(digests.TABLE.read_text())


def test_the_table_has_every_run_and_no_other():
    assert list(TABLE) == list(digests.RUNS)


@pytest.mark.parametrize("name", digests.RUNS)
def test_bits_on_this_machine(name):
    assert digests.digest_of(name) == TABLE[name]


# Other widths and processors, in processes of their own: each compiles anew what it is asked for

SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
import digests
from fastnet.compiler import codegen, policy
print(policy.vector_bits(), codegen.cpu_name())
digests.main(sys.argv[2:])
"""


def compute_elsewhere(names, **environment):
    """Return vector width, processor and digests of a process with more in its environment."""
    folder = Path(__file__).parents[1]
    kept = {name: value for name, value in os.environ.items() if name != "FASTNET_VECTOR_BITS"}
    path = os.pathsep.join([str(folder.parent), *filter(None, sys.path)])
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, str(folder), *names],
        env={**kept, **environment, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    machine, _, digests = finished.stdout.partition("\n")
    return *machine.split(), json.loads(digests)


WIDTHS = [str(bits) for bits in (128, 256, 512) if bits != policy.vector_bits()]
"""Vectors wider than the machine's are split by LLVM, so none is skipped."""

other_widths = pytest.mark.parametrize("bits", WIDTHS)


def test_bits_of_a_sample_with_vectors_of_another_width():
    width, _, actual = compute_elsewhere(digests.SAMPLED, FASTNET_VECTOR_BITS=WIDTHS[0])
    assert width == WIDTHS[0]
    assert actual == {name: TABLE[name] for name in digests.SAMPLED}


@pytest.mark.exhaustive
@other_widths
def test_bits_with_vectors_of_other_widths(bits):
    width, _, actual = compute_elsewhere(TABLE, FASTNET_VECTOR_BITS=bits)
    assert width == bits
    assert actual == TABLE


@pytest.mark.exhaustive
@pytest.mark.skipif(not policy.is_x86(), reason="a processor of the x86-64 family")
@pytest.mark.parametrize(("processor", "bits"), [("haswell", "256"), ("generic", "128")])
def test_bits_of_processors_without_avx512_or_without_multiply_adds(processor, bits):
    *machine, actual = compute_elsewhere(TABLE, NUMBA_CPU_NAME=processor)
    assert machine == [bits, processor]
    assert actual == TABLE


# What C libraries compute differs in the last bit

EXACT = r"fma|sqrt|rint|fabs|copysign|masked|vector\.reduce\.fadd|aarch64\.neon\.(ld|st)\d"
"""Operations on floating-point numbers that IEEE 754 rounds, or that move numbers only. A sum of a vector's lanes is in
their order, for no kernel lets the compiler choose another (`fastmath`)."""


def functions_called_by_kernels():
    """Names of all functions that the kernels of this process, compiled or loaded, call and do not hold."""
    kernels = [one for one in gc.get_objects() if issubclass(type(one), Dispatcher)]  # not what proxies stand for
    own = [one for one in kernels if one.py_func.__module__.startswith("fastnet.kernels.")]
    modules = [one.library._get_module_for_linking() for kernel in own for one in kernel.overloads.values()]
    return {function.name for module in modules for function in module.functions if function.is_declaration}


def test_kernels_call_nothing_that_rounds_as_it_likes():
    for name in digests.RUNS:
        digests.digest_of(name)
    called = functions_called_by_kernels()
    system = {name for name in called if re.match(r"Py|numba_|fastnet_", name)}
    intrinsics = {name for name in called if name.startswith("llvm.")}
    assert called - system - intrinsics == set()
    of_floats = {name for name in intrinsics if re.search(r"f32|f64", name)}
    assert any("fma" in name for name in of_floats)
    assert {name for name in of_floats if not re.match(rf"llvm\.({EXACT})\.", name)} == set()
