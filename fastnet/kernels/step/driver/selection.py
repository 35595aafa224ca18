"""The stages that a call needs, from its network and what it asks for."""

from __future__ import annotations

from typing import Any, NamedTuple

from fastnet.kernels.codegen import optimizer_formulas
from fastnet.kernels.codegen.optimizer_formulas import GROUPED, PENALISED
from fastnet.kernels.codegen.scalar_activations import IDENTITY, RELU
from fastnet.kernels.step import block, clipping, layers, turns, update
from fastnet.kernels.step.first_layer import scaled
from fastnet.kernels.step.first_layer.kinds import KINDS, OF_INFERENCE, SCALED
from fastnet.kernels.step.inference import stages as inference
from fastnet.kernels.step.loss import make_loss
from fastnet.kernels.step.state import Stages

NO_STAGES = Stages(**dict.fromkeys(Stages._fields))._replace(activation=(), activation_backward=())

Layers = tuple[tuple[int, int], ...]
"""For each layer the code of the activation after it, and whether its slopes are kept."""


class Training(NamedTuple):
    """What decides on the stages of training: plain numbers, the same in another process."""

    layers: Layers
    loss: int
    optimizer: int
    stores: bool
    penalised: bool
    clips: bool
    first_layer: str  # its kind
    drops: bool
    of_pixels: bool
    grouped: bool = False


class Inference(NamedTuple):
    """What decides on the stages of inference."""

    layers: Layers
    of_pixels: bool


def _is_apart(code: int, keeps: int) -> bool:
    """Tell whether a layer's activation is a stage of its own: ReLU is part of the product, unless slopes are kept."""
    return keeps != 0 or code not in (IDENTITY, RELU)


def _activations(asked: Layers, first_is_apart: bool) -> tuple[Any, ...]:
    """Return the stages of activations forward, for those that products do not apply: a first layer may apply none."""

    def is_stage(i: int, layer: tuple[int, int]) -> bool:
        return _is_apart(*layer) or (i == 0 and first_is_apart and layer != (IDENTITY, 0))

    return tuple(layers.make_activation(*layer) if is_stage(i, layer) else None for i, layer in enumerate(asked))


def training_stages(asked: Training) -> Stages:
    """Choose the stages of a training step; of `activation` and `activation_backward`, one for each layer."""
    takes_steps = asked.optimizer != optimizer_formulas.NONE
    fused, stores = takes_steps and not asked.clips, asked.stores or asked.clips
    optimizer, first = asked.optimizer, KINDS[asked.first_layer]
    options = PENALISED * asked.penalised | GROUPED * asked.grouped
    stages = NO_STAGES._replace(
        drive=turns.train, help=turns.help_out, turns=turns.take_turns, rows=block.train_rows,
        pack=layers.pack_weights, transpose=layers.transpose_all, gather=first.gather[asked.of_pixels],
        first_products=first.products, first_forward=first.forward, multiply=layers.multiply,
        activation=_activations(asked.layers, not first.applies_relu),
        activation_backward=tuple(
            layers.make_activation_backward(*layer) if _is_apart(*layer) else None for layer in asked.layers
        ),
        loss=make_loss(asked.loss),
        unpack=layers.unpack_weights if takes_steps else layers.unpack_gradient,
    )  # fmt: skip
    if fused:
        stages = stages._replace(update=update.make_update(optimizer, options))
    if stores:
        stages = stages._replace(store=update.make_update(optimizer_formulas.NONE, 0))
    if asked.drops:
        stages = stages._replace(drop=layers.drop)
    if asked.penalised:
        stages = stages._replace(penalty=clipping.sum_weights)
    if asked.clips:
        stages = stages._replace(squares=clipping.sum_gradients, clipped=clipping.make_update(optimizer))
    if first.make_update is not None and fused:
        stages = stages._replace(first_update=first.make_update(optimizer, options))
    if asked.first_layer == SCALED:
        stages = stages._replace(scaled=scaled.make_scaled_update(optimizer, options))
    if first.make_update is not None and stores:
        stages = stages._replace(first_store=first.make_update(optimizer_formulas.NONE, 0))
    return stages


def inference_stages(asked: Inference) -> Stages:
    """Choose the stages of inference."""
    return NO_STAGES._replace(
        drive=inference.predict, pack=layers.pack_weights, gather=OF_INFERENCE.gather[asked.of_pixels],
        multiply=layers.multiply, unpack=layers.unpack_logits,
        activation=_activations(tuple((code, 0) for code, _ in asked.layers), False),
    )  # fmt: skip


def choose(asked: Training | Inference) -> Stages:
    """Choose the stages of a call."""
    return training_stages(asked) if isinstance(asked, Training) else inference_stages(asked)
