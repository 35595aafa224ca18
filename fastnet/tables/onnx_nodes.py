"""The columns of a table as inputs of an ONNX graph: numbers with NaN for gaps, categories as text."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from fastnet.tables.columns import Category
from fastnet.tables.encoding import TableEncoding

NUMBERS, CATEGORIES = "numbers", "categories"
"""Inputs of the graph, shape (n_samples, n_columns) each, the columns of their kind in their order."""


class Graph(Protocol):
    """A graph to which nodes and constants are added."""

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node, and return the name of its output."""

    def constant(self, name: str, value: Any, dtype: npt.DTypeLike | None = None) -> str:
        """Add a constant, and return its name."""

    def type_of(self, dtype: npt.DTypeLike | None = None) -> int:
        """Return ONNX's number of a dtype."""


def as_text(category: Category) -> str:
    """Return a category as the graph takes it: True and False as words, numbers as Python writes them.

    Examples
    --------
    >>> as_text("red"), as_text(True), as_text(2.5)
    ('red', 'True', '2.5')
    """
    return str(category)


def table_inputs(table: TableEncoding) -> dict[str, int]:
    """Return the inputs of a graph and how many columns each has."""
    counts = {NUMBERS: len(table.columns.number_names), CATEGORIES: len(table.columns.category_names)}
    return {name: count for name, count in counts.items() if count}


def add_table(graph: Graph, table: TableEncoding, dtype: npt.DTypeLike) -> str:
    """Encode the columns in float64, as `TableEncoding` does; `dtype` is that of the numbers."""
    parts: list[str] = []
    columns, number, category = table.columns, 0, 0
    if columns.number_names:
        _add_numbers(graph, table, dtype)
    for name, kind in zip(columns.names, columns.kinds, strict=True):
        if kind == "number":
            parts.append(_column(graph, "prepared", number, f"number_{number}"))
            if name in table.with_gaps:
                parts.append(_column(graph, "gaps_float", number, f"gap_{number}"))
            number += 1
        else:
            known = columns.categories[category]
            if known:
                parts.append(_add_category(graph, known, category))
            category += 1
    return graph.add("Concat", parts, "encoded", axis=1)


def _add_numbers(graph: Graph, table: TableEncoding, dtype: npt.DTypeLike) -> None:
    """Add all columns of numbers, with gaps filled, and which of them were gaps."""
    name, float64 = NUMBERS, graph.type_of(np.float64)
    if np.dtype(dtype) != np.float64:
        name = graph.add("Cast", [name], "numbers_float64", to=float64)
    gaps = graph.add("IsNaN", [name], "gaps")
    filled = graph.add("Where", [gaps, graph.constant("fill", table.fill, np.float64), name], "filled")
    shifted = graph.add("Sub", [filled, graph.constant("shift", table.shift, np.float64)], "shifted")
    graph.add("Mul", [shifted, graph.constant("scale", table.scale, np.float64)], "prepared")
    graph.add("Cast", [gaps], "gaps_float", to=float64)


def _column(graph: Graph, source: str, place: int, output: str) -> str:
    return graph.add("Gather", [source, graph.constant(f"{output}_place", [place], np.int64)], output, axis=1)


def _add_category(graph: Graph, known: tuple[Category, ...], place: int) -> str:
    """Add the inputs of a column of categories: it is held against all that are known."""
    name, float64 = f"category_{place}", graph.type_of(np.float64)
    column = _column(graph, CATEGORIES, place, name)
    texts = graph.constant(f"{name}_known", [[as_text(one) for one in known]], np.object_)
    same = graph.add("Cast", [graph.add("Equal", [column, texts], f"{name}_same")], f"{name}_one_hot", to=float64)
    if len(known) != 2:
        return same
    signs = graph.constant(f"{name}_signs", [[-1.0], [1.0]], np.float64)
    return graph.add("MatMul", [same, signs], f"{name}_sign")
