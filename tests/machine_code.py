"""Stages of a training step compiled anew, to look at their code: what comes from the cache has none."""

import functools
import inspect
import platform
import re

import numba
import numpy as np
from numba.core import types

from fastnet import kernels
from fastnet.compiler import policy
from fastnet.kernels.runtime.stages import Reference
from fastnet.measure.cases import Training

IS_ARM = platform.machine().lower() in ("aarch64", "arm64")
MULTIPLY_ADD = r"\bfml[as]\b" if IS_ARM else r"\bvfn?m(?:add|sub)\d+p[sd]\b"
VECTOR = r"\b[qv]\d+" if IS_ARM else r"%[xyz]mm"
STACK = r"\[sp\b" if IS_ARM else r"\(%rsp[,)]"  # %rbp is a register like others: functions have no frame pointer
JUMP = re.compile(r"\s+(?:j\w+|b\S*|cbn?z|tbn?z)\s.*?(\.?LBB\w+)")
LABEL = re.compile(r"(\.?LBB\w+):")


@functools.cache
def compile_stage(stage, dtype):
    """Compile a stage for a state of a dtype; return its LLVM code and its assembly."""
    arguments = Training(4, (3, 2), (), "cross_entropy", "sgd", 2).make_prepared(dtype, np.random.default_rng(1))
    state = numba.typeof(kernels.prepare_training(**arguments).team(4).state)
    n_numbers = len(inspect.signature(stage.py_func).parameters) - 1
    fresh = policy.compile_lazily(stage.py_func, no_cpython_wrapper=True)
    fresh.compile(types.int64(Reference(state), *[types.int64] * n_numbers))
    return next(iter(fresh.inspect_llvm().values())), next(iter(fresh.inspect_asm().values()))


def innermost_loops(assembly):
    """Return the instructions of each loop that holds no other: from a label to the last jump back to it."""
    lines = assembly.splitlines()
    labels = {found[1]: i for i, line in enumerate(lines) if (found := LABEL.match(line))}
    jumps = [(labels.get(found[1], len(lines)), i) for i, line in enumerate(lines) if (found := JUMP.match(line))]
    loops = [(first, last) for first, last in jumps if first <= last]
    return [
        lines[first : last + 1]
        for first, last in loops
        if not any(first <= a and b <= last for a, b in loops if (a, b) != (first, last))
    ]


def loops_of_multiply_adds(assembly):
    """Return the innermost loops that multiply and add vectors."""
    return [loop for loop in innermost_loops(assembly) if count(loop, MULTIPLY_ADD, VECTOR)]


def count(loop, *patterns):
    """Count the instructions of a loop in which all patterns are found."""
    return sum(all(re.search(pattern, line) for pattern in patterns) for line in loop)


def blocks_of_multiply_adds(llvm_code):
    """Return the blocks of LLVM code that hold multiply-adds of vectors."""
    blocks = re.split(r"\n(?=[\w.\"]+:)", llvm_code)
    return [block for block in blocks if re.search(r"call .*@llvm\.fma\.v", block)]
