"""The interface of first layers: what each kind offers, and all that the rest of a step knows of it.

A first layer multiplies the data, which it may read in other ways than a layer reads activations. A kind of it is a
`Kind`; `fastnet.kernels.step.first_layer.kinds` chooses one for a network and its samples. In a step it is

- a stage that gathers a block's samples: (thread, n_threads, start, first, last, n_rows), for a block of so many rows
  from `start` on in the order of samples, of which the thread carries [first, last) forward. A barrier follows if it
  says so;
- perhaps a stage of products that threads partition in another way than layers forward do: (thread, n_threads,
  n_rows). A barrier follows;
- a stage that writes the layer's sums, which has the numbers of `fastnet.kernels.step.layers.multiply`;
- perhaps a stage of its own that makes its gradient and updates its weights, and one that stores the gradient:
  (thread, n_threads, following, n_rows, accumulate), where the next block begins at `following`. A first layer without
  one is updated with all other layers.

Its activation, its slopes and what follows are those of any layer. How its weights lie is told by
`fastnet.kernels.step.first_layer.weights`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from fastnet.kernels.step.layout import Room


class FirstLayer(NamedTuple):
    """A first layer in the state of a team: two numbers that drivers read, and what the stages of each kind work on.

    The latter is empty but for one. Kinds share a type, so that stages which do not read them are compiled once.
    """

    synchronises: int  # whether a barrier follows the gather: threads read what others have gathered
    own_slabs: int  # where it is a multiple of the threads, these multiply forward just what they updated; 0: never
    few_outputs: Any
    sparse: Any
    scaled: Any


class Given(NamedTuple):
    """What a first layer is chosen and made for."""

    n_in: int
    n_out: int
    dtype: Any  # of the parameters
    as_they_are: bool  # whether samples need neither conversion nor scaling
    described: Any  # samples in another form than row by row; None if there is none
    grouped: bool = False  # whether weights and biases have settings of their own
    scaled: bool = False  # whether inputs have trainable factors


class Working(NamedTuple):
    """What a first layer's memory is made for, and beside."""

    capacity: int  # rows reserved in a micro-panel
    team: int  # threads
    x: Any  # all samples, row by row
    values: Any  # activations


class Kind(NamedTuple):
    """What a kind of first layer offers: its stages, the room that it takes, its memory."""

    gather: tuple[Any, Any]  # of floats, and of pixels
    products: Any  # None if there is no such stage
    forward: Any
    applies_relu: bool  # whether the stage forward does so, where no activation's slopes are kept
    output_parallel: bool  # whether threads may partition the outputs forward
    make_update: Callable[[int, int], Any] | None  # from an optimizer's code, and whether there is a penalty
    room: Callable[[Given], Room]
    make: Callable[[FirstLayer, Given, Working], FirstLayer]  # from an empty one
