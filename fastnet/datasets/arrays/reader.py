"""Readers for ``.npy`` and ``.npz`` that unpickle nothing and allocate only what the file holds."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastnet.datasets.arrays.npy import decode_npy, map_npy
from fastnet.datasets.dataset import Dataset, checked_dataset
from fastnet.datasets.files import GZIP_MAGIC, one_line, open_binary, read_at_most, stem
from fastnet.datasets.labels import Array, Names

# Features, labels, test features, test labels; the first row whose features are in the file counts.
KEYS = (
    ("x_train", "y_train", "x_test", "y_test"),
    ("X_train", "y_train", "X_test", "y_test"),
    ("X", "y", "X_test", "y_test"),
    ("x", "y", "x_test", "y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),  # of MedMNIST, whose val_images are left out
    ("images", "labels", "test_images", "test_labels"),
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


def _read_array(path: Path) -> Array:
    with open_binary(path) as stream:
        data = read_at_most(stream, 1 << 62)
    return decode_npy(data, str(path))


def _map_array(path: Path) -> Array:
    with open_binary(path), open(path, "rb") as file:
        if file.read(2) == GZIP_MAGIC:
            raise ValueError(f"{path}: a compressed file cannot be mapped, expected plain .npy")
    return map_npy(path, str(path), 0, path.stat().st_size)


def read_npy(path: Path, require_labels: bool, mmap: bool = False) -> Dataset:
    """Read features from ``NAME.npy``, and what lies beside it.

    Labels from ``NAME_labels.npy``, a test part from ``NAME_test.npy`` and ``NAME_test_labels.npy``.
    """
    name = stem(path)
    read_features = _map_array if mmap else _read_array
    labels_path, test_path, test_labels_path = (
        path.with_name(f"{name}_{part}.npy") for part in ("labels", "test", "test_labels")
    )
    X = read_features(path)
    y = _read_array(labels_path) if labels_path.is_file() else None
    if y is None and require_labels:
        raise ValueError(f"{path}: no labels: expected {labels_path.name} beside it (or require_labels=False)")
    X_test = read_features(test_path) if test_path.is_file() else None
    y_test = _read_array(test_labels_path) if X_test is not None and test_labels_path.is_file() else None
    return checked_dataset(str(path), X, y, X_test, y_test, name=name, require_labels=require_labels)


class Archive:
    """The arrays of a ``.npz`` file; those of features are mapped if `mmap`."""

    def __init__(self, archive: zipfile.ZipFile, path: Path, mmap: bool) -> None:
        self._archive, self._path, self._mmap = archive, path, mmap
        self.keys = {name.removesuffix(".npy") for name in archive.namelist()}

    def read(self, key: str, features: bool = False) -> Array | None:
        """Return the array of this name, mapped if it is one of features, or None if there is none."""
        member = f"{key}.npy"
        if member not in self._archive.namelist():
            return None
        info = self._archive.getinfo(member)
        where = f"{self._path}: {member}"
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{where}: zip method {info.compress_type}, expected stored or deflated")
        if self._mmap and features:
            return self._map(info, where)
        with self._archive.open(info) as stream:
            # One byte more than announced, so that zipfile reaches the end and verifies the checksum.
            data = read_at_most(stream, info.file_size + 1)
        return decode_npy(data, where)

    def names(self, key: str) -> Names | None:
        """Return the array of this name as text."""
        array = self.read(key)
        if array is None:
            return None
        if array.ndim != 1 or array.dtype.kind != "U":
            raise ValueError(f"{self._path}: {key}: {array.dtype} of shape {array.shape}, expected a row of text")
        return tuple(array.tolist())

    def _map(self, info: zipfile.ZipInfo, where: str) -> Array:
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
            raise ValueError(f"{where}: a compressed array cannot be mapped, expected one that numpy.savez wrote")
        with open(self._path, "rb") as file:
            file.seek(info.header_offset)
            # APPNOTE.TXT of the zip format, 4.3.7: name and extra field stand between this header and the data.
            n_name, n_extra = struct.unpack("<26xHH", file.read(30))
        return map_npy(self._path, where, info.header_offset + 30 + n_name + n_extra, info.file_size)


@contextmanager
def _opened(path: Path, mmap: bool) -> Iterator[Archive]:
    """Open a file; whatever its damage leads to is a ValueError."""
    try:
        with open_binary(path) as stream, zipfile.ZipFile(stream) as opened:
            yield Archive(opened, path, mmap)
    except _ZIP_ERRORS as error:
        cut = isinstance(error, zipfile.BadZipFile) and not zipfile.is_zipfile(path)  # no list of its members
        raise ValueError(f"{path}: damaged .npz (zip) file: {'truncated' if cut else one_line(error)}") from error


def read_npz(path: Path, require_labels: bool, mmap: bool = False) -> Dataset:
    """Read ``x_train, y_train, x_test, y_test`` (Keras), ``train_images, ...`` (MedMNIST) or ``X, y``.

    ``label_names``, ``feature_names`` and ``label_name``, of one element, are arrays of text.
    """
    with open_binary(path):
        pass  # errors of opening keep their type: below, an OSError means a damaged archive
    with _opened(path, mmap) as archive:
        keys = next((row for row in KEYS if row[0] in archive.keys), None)
        if keys is None:
            listed = one_line(", ".join(sorted(archive.keys)) or "nothing")
            raise ValueError(f"{path}: expected arrays x_train, y_train, x_test, y_test or X, y, found {listed}")
        X, X_test = archive.read(keys[0], True), archive.read(keys[2], True)
        y, y_test = archive.read(keys[1]), archive.read(keys[3])
        label_names, feature_names = archive.names("label_names"), archive.names("feature_names")
        label_name = archive.names("label_name")
    assert X is not None
    return checked_dataset(
        str(path), X, y, X_test, y_test, name=stem(path), require_labels=require_labels,
        feature_names=feature_names, label_names=label_names, label_name=label_name[0] if label_name else None,
    )  # fmt: skip


def read_member(path: Path, key: str) -> Array:
    """Return one array from a ``.npz`` file."""
    with _opened(path, False) as archive:
        array = archive.read(key)
    if array is None:
        raise ValueError(f"{path}: expected the array {key}")
    return array


def read_text(path: Path, key: str) -> Names | None:
    """Return one array of text from a ``.npz`` file."""
    with _opened(path, False) as archive:
        return archive.names(key)
