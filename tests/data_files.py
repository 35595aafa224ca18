"""Files of data for the tests of what reads them, and what is asserted of the outcome."""

import gzip
import io
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from fastnet.datasets import Dataset
from fastnet.datasets.numbering import original_labels

IDX_CODES = {"uint8": 8, "int8": 9, "int16": 11, "int32": 12, "float32": 13, "float64": 14}
RELAXED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def idx_bytes(array):
    header = bytes([0, 0, IDX_CODES[array.dtype.name], array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def npy_bytes(array, **options):
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def write(path, content):
    content = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(content) if path.name.endswith(".gz") else content)
    return path


def write_npz(path, **arrays):
    np.savez(path, **arrays)
    return path


def labels_of(data, part="y"):
    """Return the labels as the file has them."""
    return original_labels(getattr(data, part), data.label_names).tolist()


def assert_one_line(message, path):
    assert message.startswith(str(path))
    assert "\n" not in message


def assert_fails(error, path, *words):
    assert_one_line(str(error.value), path)
    for word in words:
        assert word in str(error.value)


def assert_valid(data):
    assert isinstance(data, Dataset)
    assert data.X.ndim == 2
    assert data.X.dtype in (np.uint8, np.float32, np.float64)
    assert data.X.flags.c_contiguous
    assert data.X.dtype == np.uint8 or np.isfinite(data.X).all()
    if data.y is not None:
        assert data.y.shape == (data.X.shape[0],)
        assert data.y.dtype == np.int32
        assert data.y.min() >= 0


def use_pyarrow(monkeypatch):
    pytest.importorskip("pyarrow")
    monkeypatch.setattr("fastnet.datasets.csv.block._ARROW_AFTER", 0)


def table(path, labels=("calm", "wild")):
    """Two features on scales far apart, which tell the classes apart."""
    rng = np.random.default_rng(1)
    y = np.arange(200) % 2
    X = np.column_stack([rng.normal(1000 + 100 * y, 40), rng.normal(0.002 - 0.001 * y, 0.0004)])
    lines = [f"{a:.6g},{b:.6g},{labels[c]}" for (a, b), c in zip(X.tolist(), y.tolist(), strict=True)]
    path.write_text("\n".join(["far,near,label", *lines]) + "\n")
    return path
