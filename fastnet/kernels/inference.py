"""What each thread runs in one compiled call of inference: it claims pieces of weights to pack, then blocks of rows."""

from __future__ import annotations

from typing import Any

from fastnet._jit import inlined, part
from fastnet.kernels.claims import claim, done, leave, wait_for
from fastnet.kernels.epoch import Block, blocks_of, finish
from fastnet.kernels.gemm import FIRST, panels_of
from fastnet.kernels.parts import call
from fastnet.kernels.simd import TILE_ROWS


@part
def predict(s: Any, thread: int) -> int:
    """Pack the weights, and carry blocks of rows through all layers, in rows of the thread's own of all panels."""
    control, n_packs, block = s.memory.control, s.run.batch_size, s.run.block
    n_samples, own = s.samples.order.size, thread * s.run.block
    count = n_packs + blocks_of(n_samples, block)
    item = claim(control, thread, -1)
    while item < count:
        if item < n_packs:
            call(s.parts.pack, s, (item, n_packs, FIRST))
        else:
            wait_for(control, thread, n_packs)
            _predict_block(s, own, (item - n_packs) * block)
        done(control)
        item = claim(control, thread, item)
    leave(control, thread, count)
    return 0


@inlined
def _predict_block(s: Any, own: int, start: int) -> None:
    """Carry a block of samples forward, in rows from `own` on."""
    n_rows = min(s.run.block, s.samples.order.size - start)
    tiles = own + (n_rows + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS
    call(s.parts.gather, s, (start - own, own, own + n_rows))
    for layer in range(s.layout.n_in.size):
        panels = panels_of(s.layout.n_out[layer], s.memory.values.itemsize)
        call(s.parts.multiply, s, (layer, own, tiles, FIRST, panels, FIRST))
        finish(s, Block(start, n_rows, FIRST, FIRST, FIRST), layer, own, own + n_rows, tiles, FIRST, panels)
    call(s.parts.unpack, s, (start - own, own, own + n_rows))
