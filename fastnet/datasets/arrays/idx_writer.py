"""Write MNIST-style folders of IDX files."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np

from fastnet.datasets.arrays.idx import IDX_DTYPES, PARTS
from fastnet.datasets.dataset import Dataset
from fastnet.datasets.labels import Array
from fastnet.output.atomic import replacing

_CODES = {np.dtype(dtype).newbyteorder("="): code for code, dtype in IDX_DTYPES.items()}


def write_idx(directory: Path, data: Dataset, compress: bool) -> None:
    """Write the files that `load` reads from a folder, which must be new or empty."""
    if directory.is_dir() and any(directory.iterdir()):
        raise ValueError(f"{directory}: is a folder with files, expected a new or an empty one")
    directory.mkdir(exist_ok=True)
    shape = data.image_shape or (data.X.shape[1],)
    parts = (data.X, data.y, data.X_test, data.y_test)
    for name, part in zip(PARTS, parts, strict=True):
        if part is not None:
            array = _small(part) if part.ndim == 1 else part.reshape(-1, *shape)
            _write(directory / (f"{name}.gz" if compress else name), array, compress)


def _small(labels: Array) -> Array:
    return labels.astype(np.uint8) if labels.size and labels.max() <= 255 else labels


def _write(path: Path, array: Array, compress: bool) -> None:
    header = bytes([0, 0, _CODES[array.dtype], array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    content = header + array.astype(array.dtype.newbyteorder(">"), copy=False).tobytes()
    with replacing(path) as file:
        file.write(gzip.compress(content, 6, mtime=0) if compress else content)
