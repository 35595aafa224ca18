"""What the threads of a team share while they train or predict: data, weights, settings and working memory."""

from __future__ import annotations

from typing import Any, NamedTuple

from fastnet.kernels.step.first_layer.interface import FirstLayer
from fastnet.kernels.step.layout import Layout


class Samples(NamedTuple):
    """The data: inputs, labels or targets (the other one empty), the order of use, the factor on inputs.

    Its type follows from the parameters' dtype alone, so that stages which do not read inputs are compiled once.
    """

    x: Any  # all rows, one after the other; empty for pixels
    bytes: Any  # the same memory, or the pixels
    itemsize: int  # bytes of an input
    labels: Any
    targets: Any
    weights: Any  # of samples in the loss; empty if all weigh the same
    order: Any
    scale: float


class Weights(NamedTuple):
    """Parameters and optimizer state, flat and in micro-panels; a stored gradient; W transposed.

    Micro-panels and the stored gradient are zero at first: of the gradient, because no sample adds to that; of the
    others, because a first layer may multiply what pads its rows (`fastnet.kernels.step.first_layer`).
    """

    flat: Any
    flat_m: Any  # Adam's first moment, or momentum's velocity; empty where there is none
    flat_v: Any  # Adam's second moment; empty where there is none
    packed: Any
    m: Any
    v: Any
    gradient: Any
    transposed: Any


class Stages(NamedTuple):
    """Addresses of the stages that a call needs, 0 of those it does not; `block` and `turns` call them."""

    drive: Any  # what the calling thread runs
    help: Any  # what others run in training
    turns: Any
    rows: Any
    pack: Any
    transpose: Any
    unpack: Any  # of weights, or in inference of logits
    gather: Any
    multiply: Any
    first_products: Any  # of the first layer: what its sums are made from, if it has a stage for that
    first_forward: Any  # of the first layer
    activation: Any  # of each layer
    drop: Any
    loss: Any
    activation_backward: Any  # of each layer: from the gradient of its outputs to that of its sums
    update: Any
    store: Any
    first_update: Any  # of a first layer that is not updated with all others
    first_store: Any
    penalty: Any
    squares: Any
    clipped: Any
    scaled: Any  # the update of a scaled first layer


class Run(NamedTuple):
    """What stays the same during a call."""

    optimizer: int
    settings: Any
    loss_setting: float  # of the loss: label smoothing, or where Huber's loss turns linear
    levels: Any  # of the quantiles that outputs are; empty for other losses
    batch_size: int  # in inference, the pieces that the weights are packed in
    capacity: int  # rows reserved in a micro-panel
    block: int  # rows of a block
    output_parallel: Any  # of each layer: whether threads partition its outputs, or the rows of the block
    clip_norm: float  # infinite where there is no limit
    clip_value: float
    l2: float
    rates: Any  # of dropout, for each layer
    seed: int
    groups: Any  # (n_groups, 2): factors on the rate and Adam's eps of each group of parameters; empty without groups
    corrected: bool  # whether Adam's eps is added to the corrected root
    rates_of_steps: Any  # the learning rate of each step of a call
    bias_value: float  # what the bias column holds: 1, or 0 in training without biases, whose gradients are then 0


class Memory(NamedTuple):
    """Working memory of a team: shared by its threads, or with a piece for each, as it says.

    It may hold anything at first, but for what is said to be zero.
    """

    control: Any  # where the threads synchronise, ask and answer; in inference, what they have claimed and done
    sizes: Any  # of the team, turn by turn; empty if it may choose
    pace: Any  # what the calling thread knows of the team's speed
    in_use: Any  # calls that compute at this moment in the process, and the processors that they share
    progress: Any  # steps taken before
    values: Any  # activations of a block of rows; zero at first, for a first layer may read what pads its rows
    slopes: Any  # derivatives of activations, for layers that need them kept
    gradients: Any  # of the loss with respect to the activations
    row_losses: Any  # of a block
    logits: Any  # of inference
    rows: Any  # (n_threads, ...): two rows of outputs, or the outputs of several rows, column by column
    divisors: Any  # (n_threads, ...): what a batch's sums are divided by: its samples, or their weights
    coefficients: Any  # (n_threads, ...): of the optimizer's step
    ticks: Any  # (n_threads, ...): of each phase
    totals: Any  # (n_threads, ...): sum of losses, count of correct predictions, sum of penalties, a batch's loss
    partial_sums: Any  # (n_threads, ...): sums of squares; zero before and after
    squares: Any  # of the slabs of a gradient
    penalties: Any  # squares of the slabs of the weights; zero at first, for there may be fewer than there is room for


class State(NamedTuple):
    """All of it."""

    run: Run
    stages: Stages
    layout: Layout
    first_layer: FirstLayer
    samples: Samples
    weights: Weights
    memory: Memory
