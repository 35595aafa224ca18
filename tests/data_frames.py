"""Data frames of the kinds that people have, for the tests of what takes them."""

import numpy as np
import pytest


class Frame:
    """What pandas and polars have in common: names of columns, and a column for each name."""

    def __init__(self, columns, **named):
        self._columns = {**columns, **named}
        self.columns = list(self._columns)

    def __getitem__(self, name):
        return self._columns[name]

    def __array__(self, dtype=None, copy=None):
        return np.array(list(self._columns.values())).T


def table_of_arrow(columns, **named):
    return pytest.importorskip("pyarrow").table({**columns, **named})


def frame_of_pandas(columns, **named):
    return pytest.importorskip("pandas").DataFrame({**columns, **named})


def frame_of_polars(columns, **named):
    return pytest.importorskip("polars").DataFrame({**columns, **named})


FRAMES = [Frame, table_of_arrow, frame_of_pandas, frame_of_polars]
