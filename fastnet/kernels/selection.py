"""The parts that a call needs, from its network and what it asks for."""

from __future__ import annotations

from typing import Any, NamedTuple

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
from fastnet.kernels.state import Parts

NO_PARTS = Parts(**dict.fromkeys(Parts._fields))._replace(finish=(), undo=())

Layers = tuple[tuple[int, int], ...]
"""For each layer the code of the activation after it, and whether its slopes are kept."""


class Training(NamedTuple):
    """What decides on the parts of training: plain numbers, the same in another process."""

    layers: Layers
    loss: int
    optimizer: int
    stores: bool
    penalised: bool
    clips: bool
    narrow: bool
    is_sparse: bool
    drops: bool
    of_pixels: bool


class Inference(NamedTuple):
    """What decides on the parts of inference."""

    layers: Layers
    of_pixels: bool


def _gather(module: Any, of_pixels: bool) -> Any:
    """Return the part that fetches samples, floats or pixels."""
    return module.gather_pixels if of_pixels else module.gather_floats


def training_parts(asked: Training) -> Parts:
    """Choose the parts of a training step; of `finish` and `undo`, one for each layer."""
    takes_steps = asked.optimizer != updates.NONE
    fused, stores = takes_steps and not asked.clips, asked.stores or asked.clips
    optimizer, penalised = asked.optimizer, int(asked.penalised)
    parts = NO_PARTS._replace(
        drive=turns.train, help=turns.help_out, turns=turns.take_turns, rows=epoch.train_rows,
        pack=passes.pack_weights, transpose=passes.transpose_all, multiply=passes.multiply,
        finish=tuple(passes.make_finish(*layer) if any(layer) else None for layer in asked.layers),
        loss=loss_passes.make_loss(asked.loss),
        undo=tuple(passes.make_undo(*layer) if any(layer) else None for layer in asked.layers),
        unpack=passes.unpack_weights if takes_steps else passes.unpack_gradient,
    )  # fmt: skip
    if fused:
        parts = parts._replace(update=update_passes.make_update(optimizer, penalised))
    if stores:
        parts = parts._replace(store=update_passes.make_update(updates.NONE, 0))
    if asked.drops:
        parts = parts._replace(drop=passes.drop)
    if asked.penalised:
        parts = parts._replace(penalty=clipping.sum_weights)
    if asked.clips:
        parts = parts._replace(squares=clipping.sum_gradients, clipped=clipping.make_update(optimizer))
    if not asked.narrow and not asked.is_sparse:
        return parts._replace(gather=_gather(passes, asked.of_pixels), first_multiply=parts.multiply)
    make_update = sparse_passes.make_update if asked.is_sparse else narrow_passes.make_update
    if fused:
        parts = parts._replace(first_update=make_update(optimizer, penalised))
    if stores:
        parts = parts._replace(first_store=make_update(updates.NONE, 0))
    if asked.is_sparse:
        return parts._replace(gather=sparse_passes.find_entries, first_multiply=sparse_passes.multiply)
    return parts._replace(
        narrow_gather=_gather(narrow_passes, asked.of_pixels),
        narrow_multiply=narrow_passes.dot_products, narrow_add=narrow_passes.add_sums,
    )  # fmt: skip


def inference_parts(asked: Inference) -> Parts:
    """Choose the parts of inference."""
    return NO_PARTS._replace(
        drive=inference.predict, pack=passes.pack_weights, gather=_gather(passes, asked.of_pixels),
        multiply=passes.multiply, unpack=passes.unpack_logits,
        finish=tuple(passes.make_finish(code, 0) if code != IDENTITY else None for code, _ in asked.layers),
    )  # fmt: skip


def choose(asked: Training | Inference) -> Parts:
    """Choose the parts of a call."""
    return training_parts(asked) if isinstance(asked, Training) else inference_parts(asked)
