"""The bytes of one ``.npy`` array: read without unpickling, or mapped into memory without being read."""

from __future__ import annotations

import io
import math
import warnings
from pathlib import Path

import numpy as np

from fastnet.datasets.files import one_line
from fastnet.datasets.labels import Array

NPY_MAGIC = b"\x93NUMPY"
HEADER_BYTES = 1 << 16
"""A header longer than 10,000 characters is refused by NumPy."""

Layout = tuple[tuple[int, ...], bool, np.dtype[np.generic], int]


def _header(stream: io.BytesIO) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(stream)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(stream)
    raise ValueError(f"format version {version}, expected (1, 0) or (2, 0)")


def _layout(head: bytes | bytearray, n_bytes: int, where: str) -> Layout:
    """Return shape, Fortran order, dtype and the place of the data of an array of `n_bytes` in all."""
    stream = io.BytesIO(head)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shape, fortran_order, dtype = _header(stream)
    except Exception as error:  # the header is a Python literal: damage can raise nearly anything
        raise ValueError(f"{where}: damaged .npy header: {one_line(error)}") from error
    if dtype.hasobject:
        raise ValueError(f"{where}: array of Python objects, expected numbers (pickles are never loaded)")
    if dtype.itemsize == 0 or min(shape, default=0) < 0:
        raise ValueError(f"{where}: damaged .npy header: shape {shape}, dtype {dtype}")
    offset = stream.tell()
    expected, found = math.prod(shape) * dtype.itemsize, n_bytes - offset
    if expected != found:
        raise ValueError(f"{where}: expected {expected} bytes of data for {shape} {dtype}, found {found}")
    return shape, fortran_order, dtype, offset


def decode_npy(data: bytearray, where: str) -> Array:
    """Return the array that the bytes of a ``.npy`` file hold."""
    shape, fortran_order, dtype, offset = _layout(data[:HEADER_BYTES], len(data), where)
    try:
        flat = np.frombuffer(data, dtype, offset=offset) if len(data) > offset else np.empty(0, dtype)
        array = flat.reshape(shape[::-1]).T if fortran_order else flat.reshape(shape)
    except ValueError as error:
        raise ValueError(f"{where}: shape {shape}: {one_line(error)}") from error
    return array.astype(dtype.newbyteorder("="), copy=False)


def map_npy(path: Path, where: str, start: int, n_bytes: int) -> Array:
    """Map the `n_bytes` of a ``.npy`` array that begin at `start` in the file `path`, for reading only."""
    with open(path, "rb") as file:
        file.seek(start)
        head = file.read(min(HEADER_BYTES, n_bytes))
    shape, fortran_order, dtype, offset = _layout(head, n_bytes, where)
    if dtype not in (np.uint8, np.float32, np.float64) or not dtype.isnative:
        raise ValueError(f"{where}: dtype {dtype} cannot be mapped, expected uint8, float32 or float64")
    if fortran_order or not 2 <= len(shape) <= 4 or 0 in shape:
        order = "Fortran" if fortran_order else "C"
        raise ValueError(f"{where}: shape {shape} in {order} order cannot be mapped, expected rows in C order")
    if (start + offset) % dtype.itemsize:
        raise ValueError(
            f"{where}: {dtype} at byte {start + offset} cannot be mapped, expected a multiple of {dtype.itemsize}; "
            "fastnet data convert and numpy.save align arrays"
        )
    return np.memmap(path, dtype, "r", start + offset, shape)
