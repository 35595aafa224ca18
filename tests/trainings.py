"""Trainings of any shape, drawn by hypothesis, of kinds that few parts need to be compiled for."""

from unittest import mock

from hypothesis import strategies as st

from fastnet.kernels.step.driver import teams
from fastnet.measure.cases import DTYPES, Training

WIDTHS = st.integers(1, 40)
"""Widths of layers: around the edges of all tiles, and of two panels of the widest."""


@st.composite
def trainings(draw):
    """Draw a training of one to three layers; neither kind goes where a rounding more makes all the difference."""
    loss, optimizer = draw(st.sampled_from([("cross_entropy", "sgd"), ("squared_error", "adam")]))
    few_outputs = draw(st.booleans())
    first = (draw(st.integers(256, 300)), draw(st.integers(1, 10))) if few_outputs else (draw(WIDTHS), draw(WIDTHS))
    sizes = (*first, *draw(st.lists(WIDTHS, max_size=2)))
    activations = tuple(draw(st.sampled_from(["relu", "tanh"])) for _ in sizes[2:])
    limits = draw(st.sampled_from([{}, {"clip_norm": 0.3}, {"clip_value": 0.02}])) if optimizer == "sgd" else {}
    filled = draw(st.sampled_from([1.0, 0.2]))
    n, batch_size = draw(st.integers(0, 60)), draw(st.integers(1, 70))
    return Training(n, sizes, activations, loss, optimizer, batch_size, filled=filled, **limits)


def runs():
    """Draw a training, its dtype, a count of threads, and the rows of a block."""
    return st.tuples(trainings(), st.sampled_from(DTYPES), st.integers(1, 3), st.sampled_from([5, 16, 256]))


def in_blocks_of(n_rows):
    """Let batches go through in blocks of at most so many rows; as a context."""
    return mock.patch.object(teams, "LONG_BLOCK_ROWS", n_rows)
