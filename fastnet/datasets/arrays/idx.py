"""The IDX format of the MNIST files (https://yann.lecun.com/exdb/mnist/, "THE IDX FILE FORMAT")."""

from __future__ import annotations

import io
import math
import re
import struct
from pathlib import Path

import numpy as np

from fastnet.datasets.dataset import Dataset, checked_dataset
from fastnet.datasets.files import PathLike, count_rest, one_line, open_binary, read_at_most, stem
from fastnet.datasets.labels import Array

IDX_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MAX_DIMENSIONS = 4

PARTS = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def is_idx_header(head: bytes) -> bool:
    """Return whether the first four bytes of a file can only begin an IDX file."""
    return len(head) >= 4 and head[:2] == b"\0\0" and head[2] in IDX_DTYPES and 1 <= head[3] <= _MAX_DIMENSIONS


def _read_header(stream: io.BufferedIOBase, path: Path) -> tuple[np.dtype[np.generic], tuple[int, ...]]:
    magic = read_at_most(stream, 4)
    if len(magic) < 4:
        raise ValueError(f"{path}: truncated IDX file: expected a magic number of 4 bytes, found {len(magic)}")
    if magic[:2] != b"\0\0" or magic[2] not in IDX_DTYPES:
        raise ValueError(
            f"{path}: not an IDX file: expected the magic number 0x0000, a type of 0x08 to 0x0e "
            f"and a dimension count, found 0x{magic.hex()}"
        )
    n_dimensions = magic[3]
    if not 1 <= n_dimensions <= _MAX_DIMENSIONS:
        raise ValueError(f"{path}: IDX file of {n_dimensions} dimensions, expected 1 to {_MAX_DIMENSIONS}")
    sizes = read_at_most(stream, 4 * n_dimensions)
    if len(sizes) < 4 * n_dimensions:
        raise ValueError(
            f"{path}: truncated IDX header: expected {4 * n_dimensions} bytes of sizes, found {len(sizes)}"
        )
    return np.dtype(IDX_DTYPES[magic[2]]), struct.unpack(f">{n_dimensions}I", sizes)


def read_idx(path: PathLike) -> Array:
    """Read one array from an IDX file, plain or gzip-compressed.

    Parameters
    ----------
    path : str or path
        The file. Whether it is compressed is seen from its content, not from its name.

    Returns
    -------
    ndarray
        1 to 4 dimensions; uint8, int8, int16, int32, float32 or float64 in native byte order.

    Raises
    ------
    ValueError
        The file is not IDX, is truncated or too long, or its gzip stream is damaged.
    OSError
        The file is missing, a directory, or cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from fastnet.datasets import read_idx
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = Path(directory) / "labels-idx1-ubyte"
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3]) + bytes([5, 0, 4]))
    ...     read_idx(path)
    array([5, 0, 4], dtype=uint8)
    """
    path = Path(path)
    with open_binary(path) as stream:
        dtype, shape = _read_header(stream, path)
        expected = math.prod(shape) * dtype.itemsize
        data = read_at_most(stream, expected)
        found = len(data) + count_rest(stream)
    if found != expected:
        state = "truncated" if found < expected else "too long"
        raise ValueError(f"{path}: IDX file is {state}: expected {expected} bytes of data for {shape}, found {found}")
    try:
        array = np.frombuffer(data, dtype).reshape(shape)
    except ValueError as error:  # sizes such as (0, 2**32 - 1, 2**32 - 1): no bytes, but no NumPy shape
        raise ValueError(f"{path}: IDX sizes {shape}: {one_line(error)}") from error
    return array.astype(dtype.newbyteorder("="), copy=False)


def _spellings(name: str) -> list[str]:
    """Return the file names in use for ``train-images-idx3-ubyte``: also ``.idx3``, also ``.gz``."""
    dashed = re.sub(r"[-.](idx\d)", r"-\1", name.removesuffix(".gz"))
    dotted = re.sub(r"-(idx\d)", r".\1", dashed)
    return [dashed, dotted, dashed + ".gz", dotted + ".gz"]


def _find(directory: Path, name: str) -> Path | None:
    candidates = (directory / spelling for spelling in _spellings(name))
    return next((path for path in candidates if path.is_file()), None)


def read_idx_file(path: Path, require_labels: bool) -> Dataset:
    """Read an IDX file of features, with the labels file that the naming convention puts beside it."""
    X = read_idx(path)
    if X.ndim == 1:
        raise ValueError(f"{path}: IDX file of one dimension (labels), expected the file of images")
    labels_name = re.sub(r"images([-.])idx\d", r"labels\1idx1", path.name)
    labels_path = _find(path.parent, labels_name) if labels_name != path.name else None
    y = None if labels_path is None else read_idx(labels_path)
    return checked_dataset(str(path), X, y, name=stem(path), require_labels=require_labels)


def read_idx_directory(directory: Path, require_labels: bool) -> Dataset:
    """Read the IDX files of an MNIST-style directory; neither file of the test part need be there."""
    found = {part: _find(directory, part) for part in PARTS}
    absent = [part for part, path in found.items() if path is None]
    if set(PARTS[2:]) <= set(absent) and len(absent) < len(PARTS):
        absent = absent[:-2]
    if not require_labels:
        absent = [part for part in absent if "labels" not in part]
    if absent:
        raise FileNotFoundError(
            f"{directory}: missing {', '.join(absent)} (plain or .gz), "
            "expected the IDX files of an MNIST-style directory, or train.csv"
        )
    arrays = [None if path is None else read_idx(path) for path in found.values()]
    X, *others = arrays
    assert X is not None
    name = directory.resolve().name
    return checked_dataset(str(directory), X, *others, name=name, require_labels=require_labels)
