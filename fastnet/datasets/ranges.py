"""Numbers that are finite in a file, and would be infinite in the dtype that is computed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from fastnet.datasets.files import one_line
from fastnet.datasets.labels import Array

_CHECK_ELEMENTS = 1 << 18


def check_range(
    X: Array,
    dtype: npt.DTypeLike,
    where: str,
    names: Sequence[str] | None = None,
    prepare: Callable[[Array], Array] | None = None,
) -> None:
    """Raise ValueError, with row and column, for a number of `X` that is beyond `dtype`, `prepare` done to it if given.

    Memory is taken for a few rows at a time. Features that cannot be beyond, such as pixels, are not looked at.
    """
    fits = np.can_cast(X.dtype, dtype, "safe") or X.dtype.kind in "bui"
    if fits and (prepare is None or X.dtype.kind in "bui"):
        return
    step = max(1, _CHECK_ELEMENTS // X.shape[1])
    for start in range(0, len(X), step):
        piece = X[start : start + step]
        with np.errstate(over="ignore", invalid="ignore"):
            finite = np.isfinite((piece if prepare is None else prepare(piece)).astype(dtype))
        if not finite.all():
            row, column = (int(i) for i in np.argwhere(~finite)[0])
            shown = f"{column} (from 0)" if names is None else repr(one_line(names[column], 40))
            state = "is beyond" if prepare is None else "becomes, prepared for the network, a number beyond"
            raise ValueError(
                f"{where}: row {start + row} (from 0), column {shown}: {piece[row, column]} {state} {np.dtype(dtype)}"
            )
