"""What the threads of a team share while they train or predict: data, weights, settings and working memory."""

from __future__ import annotations

from typing import Any, NamedTuple

from fastnet.kernels.layout import Layout
from fastnet.kernels.sparse import Sparse


class Samples(NamedTuple):
    """The data: inputs, labels or targets (the other one empty), the order of use, the factor on inputs.

    Its type follows from the parameters' dtype alone, so that parts which do not read inputs are compiled once.
    """

    x: Any  # all rows, one after the other; empty for pixels
    bytes: Any  # the same memory, or the pixels
    itemsize: int  # bytes of an input
    sparse: Sparse  # the inputs that are not zero, where a first layer reads these instead
    rows: Any  # what a narrow first layer reads: the same, or the rows gathered
    labels: Any
    targets: Any
    weights: Any  # of samples in the loss; empty if all weigh the same
    order: Any
    scale: float


class Weights(NamedTuple):
    """Parameters and optimizer state, flat and in panels; a stored gradient; W transposed.

    Panels and the stored gradient are zero at first: of the gradient, because no sample adds to that; of the others,
    because a narrow first layer multiplies what pads its rows (`fastnet.kernels.narrow`).
    """

    flat: Any
    flat0: Any  # optimizer state, empty where there is none
    flat1: Any
    packed: Any
    slot0: Any
    slot1: Any
    gradient: Any
    transposed: Any


class Parts(NamedTuple):
    """Addresses of the parts that a call needs, 0 of those it does not; see `fastnet.kernels.epoch` and `.turns`."""

    drive: Any  # what the calling thread runs
    help: Any  # what others run in training
    turns: Any
    rows: Any
    pack: Any
    transpose: Any
    unpack: Any  # of weights, or in inference of logits
    gather: Any
    multiply: Any
    first_multiply: Any  # of the first layer, forward
    finish: Any  # of each layer
    drop: Any
    loss: Any
    undo: Any  # of each layer: undoes the activation before it
    update: Any
    store: Any
    narrow_gather: Any
    narrow_multiply: Any
    narrow_add: Any
    first_update: Any  # of a first layer that is narrow, or whose inputs are mostly zeros
    first_store: Any
    penalty: Any
    squares: Any
    clipped: Any


class Run(NamedTuple):
    """What stays the same during a call."""

    optimizer: int
    settings: Any
    loss_setting: float  # of the loss: label smoothing, or where Huber's loss turns linear
    batch_size: int  # in inference, the pieces that the weights are packed in
    capacity: int  # rows reserved in a panel
    block: int  # rows of a block
    by_columns: Any  # of each layer: whether threads share out its columns, or the rows of the block
    clip_norm: float  # infinite where there is no limit
    clip_value: float
    l2: float
    rates: Any  # of dropout, for each layer
    seed: int
    ones: float  # what the column of ones holds: 0 in training without biases, whose gradients are then 0


class Memory(NamedTuple):
    """Working memory of a team: shared by its threads, or with a part for each, as it says.

    It may hold anything at first, but for what is said to be zero.
    """

    control: Any  # where the threads meet, ask and answer; in inference, what they have claimed and done
    sizes: Any  # of the team, turn by turn; empty if it may choose
    pace: Any  # what the calling thread knows of the team's speed
    in_use: Any  # calls that compute at this moment in the process, and the processors that they share
    progress: Any  # steps taken before
    values: Any  # activations of a block of rows; zero at first, for a narrow first layer
    slopes: Any  # derivatives of activations, for layers that need them kept
    gradients: Any  # of the loss with respect to the activations
    row_losses: Any  # of a block
    logits: Any  # of inference
    rows: Any  # (n_threads, ...): two rows of outputs, or the outputs of several rows by columns
    sums: Any  # of a narrow first layer
    places: Any  # (n_threads, ...): where the samples of a block begin, and those of the next
    words: Any  # of the rows of a block, where a first layer's inputs are mostly zeros; zero at first, for more rows
    positions: Any  # of each word's first value
    cursors: Any  # (n_threads, ...): where the values of 64 rows are
    bits: Any  # (n_threads, ...): of 64 rows, by columns
    outputs: Any  # (n_threads, ...): where a narrow first layer's outputs lie
    divisors: Any  # (n_threads, ...): what a batch's sums are divided by: its samples, or their weights
    coefficients: Any  # (n_threads, ...): of the optimizer's step
    scratch: Any  # (n_threads, ...): gradients of two tiles
    half_gradients: Any  # (n_threads, ...): of the weights of half a word of columns
    ticks: Any  # (n_threads, ...): of each phase
    totals: Any  # (n_threads, ...): sum of losses, count of correct answers, sum of penalties, a batch's loss
    chains: Any  # (n_threads, ...): sums of squares; zero before and after
    squares: Any  # of the slabs of a gradient
    penalties: Any  # squares of the slabs of the weights; zero at first, for there may be fewer than there is room for


class State(NamedTuple):
    """All of it."""

    run: Run
    parts: Parts
    layout: Layout
    samples: Samples
    weights: Weights
    memory: Memory
