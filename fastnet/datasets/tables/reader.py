"""Tables of samples: a CSV or Parquet file, or a folder of two of them, as Kaggle hands them out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from fastnet.datasets.columns import Label, listed
from fastnet.datasets.csv.reader import read_columns
from fastnet.datasets.dataset import Dataset, checked_dataset
from fastnet.datasets.files import open_binary, read_at_most
from fastnet.datasets.labels import Array
from fastnet.datasets.numbering import original_labels
from fastnet.datasets.tables.cache import read_with_cache
from fastnet.datasets.tables.parquet import kind_of_table, read_parquet

_SUFFIXES = (".csv", ".csv.gz", ".parquet", ".feather")


@dataclass(frozen=True)
class TableReader:
    """Read tables whose labels are in the column `label`, through a binary copy beside them if `cache`."""

    label: Label
    cache: bool
    mmap: bool

    def read(self, path: Path, require_labels: bool, n_features: int | None = None) -> Dataset:
        """Read a file; one of exactly `n_features` columns has no label that is known by position."""
        if self.mmap and not self.cache:
            raise ValueError(
                f"{path}: a table cannot be mapped, only its cached copy: expected cache=True (--cache-data) too"
            )

        def read() -> Dataset:
            with open_binary(path) as stream:
                is_arrow = kind_of_table(bytes(read_at_most(stream, 8))) is not None
            reader = read_parquet if is_arrow else read_columns
            return reader(path, self.label, require_labels, n_features)

        if not self.cache:
            return read()
        options = {"label": self.label, "require_labels": require_labels, "n_features": n_features}
        return read_with_cache(path, options, read, self.mmap)

    def read_folder(self, directory: Path, require_labels: bool) -> Dataset:
        """Read ``train.csv`` and, if it is there, ``test.csv``, which needs no labels; or ``.parquet`` files."""
        train_path = table_in(directory, "train")
        assert train_path is not None
        train = self.read(train_path, require_labels)
        test_path = table_in(directory, "test")
        name = directory.resolve().name
        if test_path is None:
            return replace(train, name=name)
        test = self.read(test_path, False, train.X.shape[1])
        _check_same_columns(train, test, test_path)
        X, X_test = (part.X.reshape(-1, *(train.image_shape or (part.X.shape[1],))) for part in (train, test))
        return checked_dataset(
            str(directory), X, _named_labels(train), X_test, _named_labels(test), name=name,
            require_labels=require_labels, feature_names=train.feature_names,
        )  # fmt: skip


def table_in(directory: Path, name: str) -> Path | None:
    """Return the table of this name in a folder."""
    return next((path for suffix in _SUFFIXES if (path := directory / f"{name}{suffix}").is_file()), None)


def _check_same_columns(train: Dataset, test: Dataset, path: Path) -> None:
    if train.feature_names is None or test.feature_names is None or train.feature_names == test.feature_names:
        return
    others = [name for name in test.feature_names if name not in train.feature_names]
    missing = [name for name in train.feature_names if name not in test.feature_names]
    facts = [f"without {listed(missing)}"] if missing else []
    facts += [f"with {listed(others)}"] if others else []
    raise ValueError(f"{path}: {' and '.join(facts) or 'features in another order'}, expected the training columns")


def _named_labels(part: Dataset) -> Array | None:
    """Return labels as the table held them, which are counted anew among the classes of both parts."""
    return None if part.y is None else original_labels(part.y, part.label_names)
