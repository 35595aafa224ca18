"""The parts that a call needs, from its network and what it asks for: compiled, or loaded from the cache."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numba
import numpy as np

from fastnet.kernels import (
    clipping,
    epoch,
    inference,
    loss_passes,
    narrow_passes,
    passes,
    sparse_passes,
    turns,
    update_passes,
    updates,
)
from fastnet.kernels.activations import IDENTITY
from fastnet.kernels.parts import address_of
from fastnet.kernels.state import Parts, State

_NONE: Any = 0
_TABLE: Any = np.zeros(1, np.int64)
NO_PARTS = Parts(**dict.fromkeys(Parts._fields, _NONE))._replace(finish=_TABLE, undo=_TABLE)
_STATE_TYPES: dict[Any, Any] = {}


def state_type(state: State) -> Any:
    """Return a key of the state's type: all of it follows from the dtype of the parameters."""
    key = state.weights.flat.dtype
    if key not in _STATE_TYPES:
        _STATE_TYPES[key] = numba.typeof(state)
    return key


def _table(addresses: Sequence[Any]) -> Any:
    """Make addresses, one for each layer, a field of a state."""
    return np.array(addresses, np.int64)


def _gather(module: Any, of_pixels: bool) -> Any:
    """Return the part that fetches samples, floats or pixels."""
    return module.gather_pixels if of_pixels else module.gather_floats


@functools.cache
def training_parts(
    state_key: Any, layers: tuple[tuple[int, int], ...], loss: int, optimizer: int, stores: bool, penalised: bool,
    clips: bool, narrow: bool, is_sparse: bool, drops: bool, of_pixels: bool,
) -> Parts:  # fmt: skip
    """Compile or load the parts of a training step."""

    def address(part: Any) -> Any:
        return address_of(part, _STATE_TYPES[state_key])

    def of_layers(make: Any) -> Any:
        return _table([address(make(*layer)) if any(layer) else 0 for layer in layers])

    takes_steps = optimizer != updates.NONE
    fused = takes_steps and not clips
    parts = NO_PARTS._replace(
        drive=address(turns.train), help=address(turns.help_out), turns=address(turns.take_turns),
        rows=address(epoch.train_rows), pack=address(passes.pack_weights),
        transpose=address(passes.transpose_all), multiply=address(passes.multiply),
        finish=of_layers(passes.make_finish), loss=address(loss_passes.make_loss(loss)),
        undo=of_layers(passes.make_undo),
        unpack=address(passes.unpack_weights if takes_steps else passes.unpack_gradient),
    )  # fmt: skip
    if fused:
        parts = parts._replace(update=address(update_passes.make_update(optimizer, int(penalised))))
    if stores or clips:
        parts = parts._replace(store=address(update_passes.make_update(updates.NONE, 0)))
    if drops:
        parts = parts._replace(drop=address(passes.drop))
    if penalised:
        parts = parts._replace(penalty=address(clipping.sum_weights))
    if clips:
        parts = parts._replace(
            squares=address(clipping.sum_gradients), clipped=address(clipping.make_update(optimizer))
        )
    if not narrow and not is_sparse:
        return parts._replace(gather=address(_gather(passes, of_pixels)), first_multiply=parts.multiply)
    make_update = sparse_passes.make_update if is_sparse else narrow_passes.make_update
    if fused:
        parts = parts._replace(first_update=address(make_update(optimizer, int(penalised))))
    if stores or clips:
        parts = parts._replace(first_store=address(make_update(updates.NONE, 0)))
    if is_sparse:
        return parts._replace(
            gather=address(sparse_passes.find_entries), first_multiply=address(sparse_passes.multiply)
        )
    return parts._replace(
        narrow_gather=address(_gather(narrow_passes, of_pixels)),
        narrow_multiply=address(narrow_passes.dot_products), narrow_add=address(narrow_passes.add_sums),
    )  # fmt: skip


@functools.cache
def inference_parts(state_key: Any, layers: tuple[tuple[int, int], ...], of_pixels: bool) -> Parts:
    """Compile or load the parts of inference."""

    def address(part: Any) -> Any:
        return address_of(part, _STATE_TYPES[state_key])

    finish = [address(passes.make_finish(code, 0)) if code != IDENTITY else 0 for code, _ in layers]
    return NO_PARTS._replace(
        drive=address(inference.predict), pack=address(passes.pack_weights),
        gather=address(_gather(passes, of_pixels)), multiply=address(passes.multiply), finish=_table(finish),
        unpack=address(passes.unpack_logits),
    )  # fmt: skip
