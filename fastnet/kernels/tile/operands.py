"""Operands of products, and what is done to a result before it is written: values that are handed over whole."""

from __future__ import annotations

from typing import Any, NamedTuple

from fastnet.compiler.policy import inlined


class Operand(NamedTuple):
    """A matrix within a flat array: element (i, j) is array[start + i * row_stride + j * column_stride]."""

    array: Any
    start: int
    row_stride: int
    column_stride: int


class Panels(NamedTuple):
    """A matrix in micro-panels of `width` columns, those of a tile, each `stride` elements after the one before.

    Element (i, j) is array[start + j // width * stride + i * width + j % width].
    """

    array: Any
    start: int
    stride: int


class Epilogue(NamedTuple):
    """What is done to C before it is written: bias[start:] is added to each row, if there is one; then ReLU.

    Products that `accumulate` are added to what C holds.
    """

    bias: Any
    start: int
    relu: bool
    accumulate: bool


NOTHING, RELU, RELU_BACKWARD = 0, 1, 2
"""What may follow a product of micro-panels."""


class PanelEpilogue(NamedTuple):
    """What follows a product of micro-panels: one of the codes above, for whose gradient C lies as `outputs` do.

    Products that `accumulate` are added to what C holds.
    """

    code: int
    outputs: Panels
    accumulate: bool


@inlined
def below(x: Any, n_rows: int) -> Any:
    """Return the operand that begins so many rows further down."""
    return Operand(x.array, x.start + n_rows * x.row_stride, x.row_stride, x.column_stride)


@inlined
def from_element(x: Any, start: int) -> Any:
    """Return micro-panels of the same array that begin at another element."""
    return Panels(x.array, start, x.stride)
