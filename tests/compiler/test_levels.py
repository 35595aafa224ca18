"""Levels of processors: which one a processor has, and that kernels, and they alone, are compiled for it."""

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

import fastnet
from fastnet.compiler import codegen, levels, policy

V2, V3, V4 = (levels.named(f"x86-64-v{i}", "x86_64").needs for i in (2, 3, 4))
ON_X86 = pytest.mark.skipif(not policy.is_x86(), reason="levels of x86-64")


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        (set(), "x86-64"),
        (V2 | {"aes"}, "x86-64-v2"),
        (V2 | {"avx", "aes"}, "x86-64-v2"),  # Sandy Bridge
        (V3 | {"adx", "sha"}, "x86-64-v3"),
        (V4, "x86-64-v4"),
        (V4 | {"avx512bf16", "gfni"}, "x86-64-v4"),
        (V4 - {"avx512cd"}, None),
        (V3 - {"movbe"}, None),  # a virtual machine that hides an instruction
        (V2 | {"avx", "fma"}, None),  # Piledriver
    ],
)
def test_a_processor_has_the_highest_level_that_holds_what_counts(features, expected):
    level = levels.highest("x86_64", features)
    assert (level and level.name) == expected


def test_every_level_asks_for_more_than_the_one_below():
    for architecture in ("x86_64", "aarch64", "arm64"):
        known = levels.levels(architecture)
        assert all(low.needs < high.needs for low, high in pairwise(known))
        assert [level.vector_bits for level in known] == sorted(level.vector_bits for level in known)
    assert levels.highest("riscv64", {"v"}) is None


PRELUDE = """
import json, sys
import llvmlite.binding as llvm
from fastnet.compiler import codegen, policy
"""


def python(script, *arguments, fails=False, **environment):
    """Run a script without the settings of this process; return what it printed, or its last line of errors."""
    dropped = ("FASTNET_CPU_LEVEL", "FASTNET_VECTOR_BITS", "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    path = os.pathsep.join([str(Path(fastnet.__file__).parents[1]), os.environ["PYTHONPATH"]])
    finished = subprocess.run(
        [sys.executable, "-P", "-c", PRELUDE + script, *arguments],
        env={**kept, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (finished.returncode != 0) == fails, finished.stderr
    return finished.stderr.splitlines()[-1] if fails else finished.stdout


OTHER_MODEL = """
model, features = sys.argv[1], json.loads(sys.argv[2])
llvm.get_host_cpu_name = lambda: model
llvm.get_host_cpu_features = lambda: llvm.targets.FeatureMap(dict.fromkeys(features, True))
print(json.dumps([codegen.target().level, policy.vector_bits(), policy.digest()]))
"""


@ON_X86
def test_models_of_a_level_share_a_digest():
    machines = [("znver3", V3 | {"sha"}), ("haswell", V3), ("znver4", V4 | {"gfni"}), ("icelake-server", V4)]
    found = [json.loads(python(OTHER_MODEL, name, json.dumps(sorted(has)))) for name, has in machines]
    assert [one[:2] for one in found] == [["x86-64-v3", 256]] * 2 + [["x86-64-v4", 512]] * 2
    assert found[0] == found[1]
    assert found[2] == found[3]
    assert found[0] != found[2]


@ON_X86
def test_models_themselves_do_not():
    first, second = (
        json.loads(python(OTHER_MODEL, name, json.dumps(sorted(V3)), FASTNET_CPU_LEVEL="native"))
        for name in ("znver3", "haswell")
    )
    assert first[:2] == second[:2] == ["native", 256]
    assert first[2] != second[2]


@ON_X86
def test_a_level_that_is_unknown_or_too_high_is_refused():
    unknown = python("codegen.target()", fails=True, FASTNET_CPU_LEVEL="x86-64-v5")
    assert unknown.startswith("ValueError: FASTNET_CPU_LEVEL must be one of x86-64, x86-64-v2, ")
    assert unknown.endswith("got 'x86-64-v5'")
    script = "llvm.get_host_cpu_features = lambda: dict.fromkeys(json.loads(sys.argv[1]), True)\ncodegen.target()"
    lacking = python(script, json.dumps(sorted(V3 - {"fma", "bmi"})), fails=True, FASTNET_CPU_LEVEL="x86-64-v3")
    assert lacking == "ValueError: FASTNET_CPU_LEVEL is x86-64-v3, and this processor lacks bmi, fma"


@ON_X86
def test_what_a_user_sets_for_numba_holds_unless_a_level_is_named():
    script = "print(codegen.target().level, codegen.target().cpu)"
    assert python(script, NUMBA_CPU_NAME="nehalem").split() == ["native", "nehalem"]
    both = python(script, NUMBA_CPU_NAME="nehalem", FASTNET_CPU_LEVEL="x86-64")
    assert both.split() == ["x86-64", "x86-64"]


CODE = """
import numba

def multiply(x, y):
    for i in range(x.size):
        y[i] += 3.0 * x[i]

def assembly_of(compiled):
    array = numba.typeof(__import__("numpy").ones(8))
    compiled.compile((array, array))
    return next(iter(compiled.inspect_asm().values()))

print("%ymm" in assembly_of(policy.compile_lazily(multiply)), "%ymm" in assembly_of(numba.njit(multiply)))
"""


@ON_X86
@pytest.mark.skipif(policy.vector_bits() == 128, reason="no vectors wider than those of the lowest level")
def test_kernels_are_compiled_for_the_level_and_what_users_compile_for_the_processor():
    assert python(CODE, FASTNET_CPU_LEVEL="x86-64").split() == ["False", "True"]
    assert python(CODE, NUMBA_CPU_NAME="generic").split() == ["False", "False"]


COUNT = """
model, features = sys.argv[1], json.loads(sys.argv[2])
llvm.get_host_cpu_name = lambda: model
llvm.get_host_cpu_features = lambda: llvm.targets.FeatureMap(dict.fromkeys(features, True))
import numpy as np
from numba.core import event
from fastnet import kernels

with event.install_recorder("numba:compile") as compilations:
    kernels.relu_forward(np.ones((2, 3), np.float32))
print(len(compilations.buffer))
"""


@ON_X86
@pytest.mark.skipif(levels.missing(levels.named("x86-64-v3", "x86_64"), codegen.features()) != [], reason="no AVX2")
def test_what_one_machine_compiled_another_of_its_level_does_not_compile_again(tmp_path):
    def compilations(model, features):
        return int(python(COUNT, model, json.dumps(sorted(features)), FASTNET_CACHE_DIR=str(tmp_path)))

    assert compilations("znver3", V3 | {"sha"}) > 0
    assert compilations("haswell", V3) == 0
    assert compilations("nehalem", V2) > 0
