"""One door to every source: look at what is there and choose the reader."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fastnet.datasets.arrays.archives import is_part, read_archive, read_part
from fastnet.datasets.arrays.idx import is_idx_header, read_idx_directory, read_idx_file
from fastnet.datasets.arrays.mat import is_matlab, read_mat
from fastnet.datasets.arrays.npy import NPY_MAGIC
from fastnet.datasets.arrays.reader import read_npy, read_npz
from fastnet.datasets.columns import Label, Wanted
from fastnet.datasets.dataset import Dataset, checked_dataset, with_features
from fastnet.datasets.files import PathLike, open_binary, read_at_most
from fastnet.datasets.streams import is_stream, read_stream
from fastnet.datasets.tables.parquet import kind_of_table
from fastnet.datasets.tables.reader import TableReader, table_in
from fastnet.output.targets import descriptor
from fastnet.validation.contents import HEAD_BYTES, check_kind

_IDX_NAME = re.compile(r"[-.]idx\d-\w+$|\.idx\d?$")


def load_digits() -> Dataset:
    """Return scikit-learn's embedded digits: 1,797 images of 8 x 8 pixels, 10 classes.

    Returns
    -------
    Dataset
        X of shape (1797, 64), uint8 from 0 to 16; y of shape (1797,); no test part.

    Examples
    --------
    >>> from fastnet.datasets import load_digits
    >>> digits = load_digits()
    >>> digits.X.shape, digits.X.dtype.name, digits.n_classes, digits.image_shape
    ((1797, 64), 'uint8', 10, (8, 8))
    """
    from sklearn.datasets import load_digits as sklearn_digits  # slow to import, and only needed here

    bunch = sklearn_digits()
    return checked_dataset(
        "digits",
        bunch.data.astype(np.uint8),
        bunch.target,
        name="digits",
        require_labels=True,
        image_shape=(8, 8),
    )


def _kind(path: Path) -> str:
    """Return the format of a file: by its first bytes, and by its name where those say nothing."""
    with open_binary(path) as stream:
        head = bytes(read_at_most(stream, HEAD_BYTES))
    if is_matlab(head):
        return "mat"
    check_kind(head, path, "data")
    if head.startswith(NPY_MAGIC):
        return "npy"
    if head.startswith(b"PK"):
        return "npz"
    if kind_of_table(head) is not None:
        return "parquet"
    if is_idx_header(head):
        return "idx"
    name = path.name.lower().removesuffix(".gz")
    if _IDX_NAME.search(name):
        return "idx"
    if descriptor(path) is not None:  # a file that a shell has opened
        return "csv"
    return name.rpartition(".")[2] if "." in name else ""


def load(
    path: PathLike | None = None,
    *,
    label: Label | tuple[Label, ...] = "label",
    require_labels: bool = True,
    features: Sequence[str] | int | None = None,
    drop_labels: bool = False,
    cache: bool = False,
    mmap: bool = False,
) -> Dataset:
    """Read a dataset from a file or a directory, in whichever known format it is.

    Parameters
    ----------
    path : str, path or None
        None for the embedded digits; a directory with Kaggle's ``train.csv`` and ``test.csv``, with MNIST-style
        IDX files, EMNIST's or KMNIST's; a ``.csv``, ``.parquet``, ``.feather``, ``.npz``, ``.npy``, ``.mat`` or IDX
        file; CSV from a pipe, or from standard input, which ``-`` is too. gzip and all formats but CSV are
        recognised by content.
    label : str or int, or tuple of them
        The label column of a CSV or Parquet file: its name, or its position; see `read_csv`. Of several, the first
        that is there.
    require_labels : bool
        Whether a source without labels is an error; otherwise its `y` is None. A test part needs none.
    features : sequence of str, or int, optional
        Names of the features that are wanted, as a model has them: columns are brought in their order, and missing or
        unknown ones are an error that lists them. Sources without names must have as many. Or only how many there
        are, so that a table of as many columns has no labels that are known by position.
    drop_labels : bool
        Leave out the label column of a table, whatever it holds.
    cache : bool
        Keep a binary copy of each CSV or Parquet file beside it, ``NAME.fastnet.npz``, and read that instead as long
        as size and time of the file and `label` are the same.
    mmap : bool
        Map the features into memory instead of reading them, so that they may be larger than memory: those of a
        ``.npy`` file (C order), of a ``.npz`` file that is not compressed, or of a cached copy, as uint8, float32 or
        float64. They are not searched for NaN; `Trainer.fit` does that, without copying what has the network's dtype.

    Returns
    -------
    Dataset
        Checked features and labels.

    Raises
    ------
    ValueError
        Damaged or unknown content, wrong shapes, labels missing, NaN or infinity among the features, or a format
        that cannot be mapped or needs no copy.
    TypeError
        Features or labels that are not numbers.
    OSError
        Files that are missing (FileNotFoundError) or cannot be read, or a copy that cannot be written.
    ImportError
        A Parquet file without pyarrow.

    Notes
    -----
    The labels of ``NAME.npy`` are looked for in ``NAME_labels.npy``, its test part in ``NAME_test.npy`` and
    ``NAME_test_labels.npy``; the labels of an IDX file of images in the file whose name has ``labels-idx1`` for
    ``images-idx3``. Arrays of labels may be text: names of classes.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from fastnet.datasets import load
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = Path(directory) / "tiny.npz"
    ...     np.savez(path, X=np.zeros((2, 4, 3), np.uint8), y=[1, 0])
    ...     data = load(path)
    >>> data.name, data.X.shape, data.image_shape, data.y
    ('tiny', (2, 12), (4, 3), array([1, 0], dtype=int32))
    """
    if path is None:
        return load_digits()
    path = Path(path)
    labels = label if isinstance(label, tuple) else (label,)
    names = features if features is None or isinstance(features, int) else tuple(features)
    wanted = Wanted(labels, require_labels and not drop_labels, names, drop_labels)
    return with_features(_read(path, wanted, cache, mmap), wanted.names, path)


def _read(path: Path, wanted: Wanted, cache: bool, mmap: bool) -> Dataset:
    """Choose the reader; features of arrays come in the order in which the file holds them."""
    tables = TableReader(wanted, cache, mmap)
    if is_stream(path):
        if cache or mmap:
            raise ValueError(f"{path}: a stream can be neither mapped nor kept a copy of, expected a file")
        return read_stream(path, wanted)
    if path.is_dir() and table_in(path, "train") is not None:
        return tables.read_folder(path)
    kind = "idx" if path.is_dir() else _kind(path)
    if kind in ("csv", "parquet", "feather", "arrow"):
        return tables.read(path)
    if kind not in ("idx", "npz", "npy", "mat"):
        known = ".csv, .parquet, .feather, .npz, .npy, .mat or IDX (or a directory of IDX or CSV files)"
        raise ValueError(f"{path}: unknown format, expected {known}")
    if cache:
        raise ValueError(f"{path}: is binary already, expected a CSV or Parquet file to keep a copy of")
    if mmap and kind in ("idx", "mat"):
        raise ValueError(f"{path}: {kind.upper()} cannot be mapped, expected .npy or .npz (see fastnet data convert)")
    return _read_arrays(path, kind, wanted.require_labels, mmap)


def _read_arrays(path: Path, kind: str, require_labels: bool, mmap: bool) -> Dataset:
    if kind == "mat":
        return read_mat(path, require_labels)
    if path.is_dir():
        return read_archive(path, require_labels) or read_idx_directory(path, require_labels)
    if is_part(path) and not mmap:
        return read_part(path, require_labels)
    if kind == "idx":
        return read_idx_file(path, require_labels)
    return (read_npz if kind == "npz" else read_npy)(path, require_labels, mmap)
