"""Readers for ``.npy`` and ``.npz`` that unpickle nothing and allocate only what the file holds."""

from __future__ import annotations

import io
import math
import struct
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np

from fastnet.datasets._dataset import Array, Dataset, checked_dataset
from fastnet.datasets._files import one_line, open_binary, read_at_most, stem

NPY_MAGIC = b"\x93NUMPY"

# Features, labels, test features, test labels; the first row whose features are in the file counts.
_KEYS = (
    ("x_train", "y_train", "x_test", "y_test"),
    ("X_train", "y_train", "X_test", "y_test"),
    ("X", "y", "X_test", "y_test"),
    ("x", "y", "x_test", "y_test"),
)
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,  # a damaged directory sends seek before the start of the file
    KeyError,
    RuntimeError,  # encrypted members; NotImplementedError for unknown features
    OverflowError,
    UnicodeError,
)


def _npy_header(stream: io.BytesIO) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(stream)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(stream)
    raise ValueError(f"format version {version}, expected (1, 0) or (2, 0)")


def _decode_npy(data: bytearray, where: str) -> Array:
    stream = io.BytesIO(data[: 1 << 16])  # a header longer than 10,000 characters is refused by NumPy
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shape, fortran_order, dtype = _npy_header(stream)
    except Exception as error:  # the header is a Python literal: damage can raise nearly anything
        raise ValueError(f"{where}: damaged .npy header: {one_line(error)}") from error
    if dtype.hasobject:
        raise ValueError(f"{where}: array of Python objects, expected numbers (pickles are never loaded)")
    if dtype.itemsize == 0 or min(shape, default=0) < 0:
        raise ValueError(f"{where}: damaged .npy header: shape {shape}, dtype {dtype}")
    offset = stream.tell()
    expected, found = math.prod(shape) * dtype.itemsize, len(data) - offset
    if expected != found:
        raise ValueError(f"{where}: expected {expected} bytes of data for {shape} {dtype}, found {found}")
    try:
        flat = np.frombuffer(data, dtype, offset=offset) if found else np.empty(0, dtype)
        array = flat.reshape(shape[::-1]).T if fortran_order else flat.reshape(shape)
    except ValueError as error:
        raise ValueError(f"{where}: shape {shape}: {one_line(error)}") from error
    return array.astype(dtype.newbyteorder("="), copy=False)


def _read_array(path: Path) -> Array:
    with open_binary(path) as stream:
        data = read_at_most(stream, 1 << 62)
    return _decode_npy(data, str(path))


def read_npy(path: Path, require_labels: bool) -> Dataset:
    """Read features from ``NAME.npy``, and labels from ``NAME_labels.npy`` where that lies beside it."""
    X = _read_array(path)
    labels_path = path.with_name(f"{stem(path)}_labels.npy")
    y = _read_array(labels_path) if labels_path.is_file() else None
    if y is None and require_labels:
        raise ValueError(f"{path}: no labels: expected {labels_path.name} beside it (or require_labels=False)")
    return checked_dataset(str(path), X, y, name=stem(path), require_labels=require_labels)


def _read_member(archive: zipfile.ZipFile, key: str, path: Path) -> Array | None:
    member = f"{key}.npy"
    if member not in archive.namelist():
        return None
    info = archive.getinfo(member)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{path}: {member}: zip method {info.compress_type}, expected stored or deflated")
    with archive.open(info) as stream:
        # One byte more than announced, so that zipfile reaches the end and verifies the checksum.
        data = read_at_most(stream, info.file_size + 1)
    return _decode_npy(data, f"{path}: {member}")


def _read_members(path: Path) -> list[Array | None]:
    with open_binary(path) as stream, zipfile.ZipFile(stream) as archive:
        keys = {name.removesuffix(".npy") for name in archive.namelist()}
        for names in _KEYS:
            if names[0] in keys:
                return [_read_member(archive, key, path) for key in names]
    listed = one_line(", ".join(sorted(keys)) or "nothing")
    raise ValueError(f"{path}: expected arrays x_train, y_train, x_test, y_test or X, y, found {listed}")


def read_npz(path: Path, require_labels: bool) -> Dataset:
    """Read ``x_train, y_train, x_test, y_test`` (Keras) or ``X, y`` (optionally ``X_test, y_test``)."""
    with open_binary(path):
        pass  # errors of opening keep their type: below, an OSError means a damaged archive
    try:
        X, y, X_test, y_test = _read_members(path)
    except _ZIP_ERRORS as error:
        raise ValueError(f"{path}: damaged .npz (zip) file: {one_line(error)}") from error
    assert X is not None
    return checked_dataset(str(path), X, y, X_test, y_test, name=stem(path), require_labels=require_labels)
