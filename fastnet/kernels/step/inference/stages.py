"""What each thread runs in one compiled call of inference: it claims pieces of weights to pack, then blocks of rows."""

from __future__ import annotations

from typing import Any

from fastnet.compiler.policy import inlined, stage
from fastnet.kernels.runtime.claims import claim, done, leave, wait_for
from fastnet.kernels.runtime.stages import call
from fastnet.kernels.step.block import Block, apply_activation, blocks_of
from fastnet.kernels.tile.micro_panels import TILE_ROWS
from fastnet.kernels.tile.packing import FIRST, panels_of


@stage
def predict(s: Any, thread: int) -> int:
    """Pack the weights, and carry blocks of rows through all layers, in the thread's own rows of all micro-panels."""
    control, n_packs, block = s.memory.control, s.run.batch_size, s.run.block
    n_samples, own = s.samples.order.size, thread * s.run.block
    count = n_packs + blocks_of(n_samples, block)
    item = claim(control, thread, -1)
    while item < count:
        if item < n_packs:
            call(s.stages.pack, s, (item, n_packs, FIRST))
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
    call(s.stages.gather, s, (FIRST, FIRST + 1, start - own, own, own + n_rows, n_rows))
    for layer in range(s.layout.n_in.size):
        panels = panels_of(s.layout.n_out[layer], s.memory.values.itemsize)
        call(s.stages.multiply, s, (layer, own, tiles, FIRST, panels, FIRST))
        apply_activation(s, Block(start, n_rows, FIRST, FIRST, FIRST), layer, own, own + n_rows, tiles, FIRST, panels)
    call(s.stages.unpack, s, (start - own, own, own + n_rows))
