"""Write ``.npz`` files whose arrays can be mapped into memory: uncompressed, each at a multiple of 64 bytes."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from fastnet.datasets.dataset import Dataset
from fastnet.datasets.labels import Array
from fastnet.output.atomic import replacing

_ALIGNMENT = 64
# The header of a member without name and extra field, and the extra field that zipfile adds to a large one.
_HEADER_BYTES, _ZIP64_BYTES = 30, 20
_PADDING = 0xFA57  # the kind of an extra field that says nothing
_LARGE = 1 << 30


def arrays_of(data: Dataset) -> dict[str, Array]:
    """Return the arrays by which `load` knows a dataset again."""
    shape = data.image_shape or (data.X.shape[1],)
    arrays: dict[str, Array | None] = {
        "X": data.X.reshape(-1, *shape),
        "y": data.y,
        "X_test": None if data.X_test is None else data.X_test.reshape(-1, *shape),
        "y_test": data.y_test,
        "label_names": None if data.label_names is None else np.array(data.label_names, np.str_),
        "feature_names": None if data.feature_names is None else np.array(data.feature_names, np.str_),
        "label_name": None if data.label_name is None else np.array([data.label_name], np.str_),
    }
    return {key: array for key, array in arrays.items() if array is not None}


def write_npz(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write arrays to a file that takes the place of `path` once it is whole."""
    with replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
        for key, array in arrays.items():
            _write_member(archive, file, f"{key}.npy", np.ascontiguousarray(array))


def _write_member(archive: zipfile.ZipFile, file: IO[Any], name: str, array: Array) -> None:
    large = array.nbytes > _LARGE
    info = zipfile.ZipInfo(name)
    begin = file.tell() + _HEADER_BYTES + len(name) + 4 + (_ZIP64_BYTES if large else 0)
    n_padding = -begin % _ALIGNMENT
    info.extra = _PADDING.to_bytes(2, "little") + n_padding.to_bytes(2, "little") + bytes(n_padding)
    with archive.open(info, "w", force_zip64=large) as stream:
        np.lib.format.write_array(stream, array, allow_pickle=False)
