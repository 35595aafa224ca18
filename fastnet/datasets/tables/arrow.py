"""Columns of Arrow: which of them are features, labels or pandas' index, and what arrays they become."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnet.datasets.files import MixedTypeError, one_line
from fastnet.datasets.labels import Array
from fastnet.validation.frames import listed

# Columns become rows in pieces of so many samples: a piece of hundreds of columns stays in the cache.
_PIECE_ROWS = 4096
_INDEX = re.compile(r"__index_level_\d+__")


def index_columns(table: Any) -> list[str]:
    """Return the names of the columns that hold the index of a frame of pandas: as its notes say, or by their names."""
    try:
        noted = json.loads((table.schema.metadata or {})[b"pandas"])["index_columns"]
        named = [name for name in noted if isinstance(name, str)]
    except (KeyError, TypeError, ValueError):
        named = []
    return [name for name in table.column_names if name in named or _INDEX.fullmatch(name)]


def decoded(cells: Any) -> Any:
    """Return a column whose values stand in it one by one: no categories, no runs."""
    import pyarrow as pa

    if pa.types.is_dictionary(cells.type):
        kind = cells.type.value_type
        views = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}  # which Arrow cannot take values of
        plain = views.get(kind, kind)
        chunks = [
            pa.DictionaryArray.from_arrays(chunk.indices, chunk.dictionary.cast(plain)).dictionary_decode()
            for chunk in cells.chunks
        ]
        return pa.chunked_array(chunks, plain)
    if pa.types.is_run_end_encoded(cells.type):
        import pyarrow.compute as pc

        return pa.chunked_array([pc.run_end_decode(chunk) for chunk in cells.chunks], cells.type.value_type)
    return cells


def is_text(kind: Any) -> bool:
    """Whether a type is one of Arrow's for text."""
    import pyarrow as pa

    types = pa.types
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def is_number(kind: Any) -> bool:
    """Whether values of a type can be features: integers, floats, decimals and booleans."""
    import pyarrow as pa

    types = pa.types
    return bool(
        types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) or types.is_boolean(kind)
    )  # fmt: skip


def label_array(cells: Any, where: str) -> Array:
    """Return labels as text or as numbers; TypeError for a column that holds neither."""
    cells = decoded(cells)
    if is_text(cells.type):
        return np.array([text.strip() for text in cells.to_pylist()], np.str_)
    if not is_number(cells.type):
        raise TypeError(f"{where} of type {one_line(cells.type, 60)}, expected integers or names of classes")
    return np.asarray(_plain(cells).to_numpy())


def feature_array(table: Any) -> Array:
    """Return the columns as an array: uint8 if they are integers that fit, else float32, or float64 if one is that."""
    import pyarrow as pa

    table = pa.table([_plain(cells) for cells in table.columns], names=[str(i) for i in range(table.num_columns)])
    kinds = table.schema.types
    dtype: type[np.generic] = np.float64 if pa.float64() in kinds else np.float32
    if not any(pa.types.is_floating(kind) for kind in kinds):
        try:
            table = table.cast(pa.schema([(name, pa.uint8()) for name in table.column_names]))
            dtype = np.uint8
        except pa.ArrowInvalid:  # an integer that does not fit
            pass
    X = np.empty((table.num_rows, table.num_columns), dtype)
    first = 0
    for piece in table.to_batches(max_chunksize=_PIECE_ROWS):
        for column, cells in enumerate(piece.columns):
            X[first : first + piece.num_rows, column] = cells.to_numpy(zero_copy_only=False)
        first += piece.num_rows
    return X


def _plain(cells: Any) -> Any:
    """Return numbers of a kind that NumPy has."""
    import pyarrow as pa

    cells = decoded(cells)
    return cells.cast(pa.float64()) if pa.types.is_decimal(cells.type) else cells


def check_numbers(table: Any, names: Sequence[str], where: str) -> None:
    """Refuse columns that cannot be features, all of them by name."""
    kinds = [decoded(table.column(i).slice(0, 0)).type for i in range(table.num_columns)]
    wrong = [(name, kind) for name, kind in zip(names, kinds, strict=True) if not is_number(kind)]
    if not wrong:
        return
    shown = listed([name for name, _ in wrong])
    types = ", ".join(dict.fromkeys(one_line(kind, 60) for _, kind in wrong))
    raise MixedTypeError(
        f"{where}: column{'s' * (len(wrong) > 1)} {shown} of type {one_line(types, 200)}, expected numbers"
    )
