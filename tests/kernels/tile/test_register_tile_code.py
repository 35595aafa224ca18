"""What the compiler makes of the register tiles: fused multiply-adds of one dtype, in registers."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from machine_code import (
    IS_ARM,
    MULTIPLY_ADD,
    STACK,
    VECTOR,
    blocks_of_multiply_adds,
    compile_stage,
    count,
    loops_of_multiply_adds,
)

from fastnet.compiler.policy import is_x86, vector_bits
from fastnet.kernels.codegen.optimizer_formulas import ADAM, NONE
from fastnet.kernels.step import layers, update
from fastnet.kernels.step.first_layer import few_outputs_stages, sparse_stages
from fastnet.kernels.step.first_layer.few_outputs_tiles import OUTPUTS, ROWS_AT_ONCE, SAMPLES
from fastnet.kernels.step.first_layer.sparse_tiles import MOST_PANELS
from fastnet.kernels.tile.micro_panels import TILE_VECTORS, UNROLLED, WIDE_ROWS
from fastnet.kernels.tile.moves import CHUNK_BYTES

VECTOR_BYTES = vector_bits() // 8
TILES = {
    # the stage, and the multiply-adds that its longest loop is emitted with
    "row": (layers.multiply, WIDE_ROWS * TILE_VECTORS * UNROLLED),
    "weight": (update.make_update(ADAM, 0), WIDE_ROWS * TILE_VECTORS * UNROLLED // 2),
    "dot": (few_outputs_stages.dot_products, SAMPLES * OUTPUTS * CHUNK_BYTES // VECTOR_BYTES),
    "outer": (few_outputs_stages.make_update(NONE, 0), OUTPUTS * ROWS_AT_ONCE * CHUNK_BYTES // VECTOR_BYTES),
    "row sums": (sparse_stages.multiply, MOST_PANELS * TILE_VECTORS),
    "column sums": (sparse_stages.make_update(NONE, 0), MOST_PANELS * TILE_VECTORS),
}


@pytest.mark.skipif(vector_bits() == 128 and not IS_ARM, reason="no processor that tiles are made for")
@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.exhaustive)])
@pytest.mark.parametrize("tile", TILES)
def test_a_tile_is_fused_multiply_adds_of_one_dtype_in_registers(tile, dtype):
    stage, n_emitted = TILES[tile]
    llvm_code, assembly = compile_stage(stage, np.dtype(dtype))
    loops, blocks = loops_of_multiply_adds(assembly), blocks_of_multiply_adds(llvm_code)
    assert max(count(loop, MULTIPLY_ADD, VECTOR) for loop in loops) >= n_emitted
    assert [loop for loop in loops if count(loop, STACK, VECTOR)] == []
    assert blocks
    assert not any(re.search(r"\bdouble\b" if dtype == "float32" else r"\bfloat\b", block) for block in blocks)


@pytest.mark.exhaustive
@pytest.mark.skipif(not is_x86() or vector_bits() < 512, reason="a processor of 32 registers stands for one of 16")
def test_a_tile_stays_within_16_registers():
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", "of_one_dtype"],
        env={**os.environ, "NUMBA_CPU_NAME": "haswell"},
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout
    assert f"{len(TILES)} passed" in finished.stdout
