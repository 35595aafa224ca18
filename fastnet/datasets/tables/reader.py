"""Tables of samples: a CSV or Parquet file, or a folder of two of them, as Kaggle hands them out."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from fastnet.datasets.columns import Label, Wanted
from fastnet.datasets.csv.reader import read_columns
from fastnet.datasets.dataset import Dataset, checked_dataset
from fastnet.datasets.files import open_binary, read_at_most
from fastnet.datasets.labels import Array, Names
from fastnet.datasets.numbering import original_labels
from fastnet.datasets.tables.cache import read_with_cache
from fastnet.datasets.tables.parquet import kind_of_table, read_parquet

_SUFFIXES = (".csv", ".csv.gz", ".tsv", ".parquet", ".feather")


@dataclass(frozen=True)
class TableReader:
    """Read tables as they are wanted, through a binary copy beside them if `cache`."""

    wanted: Wanted
    cache: bool
    mmap: bool

    def read(self, path: Path, wanted: Wanted | None = None) -> Dataset:
        """Read a file, of which perhaps something else is `wanted`."""
        wanted = wanted or self.wanted
        if self.mmap and not self.cache:
            raise ValueError(
                f"{path}: a table cannot be mapped, only its cached copy: expected cache=True (--cache-data) too"
            )

        def read() -> Dataset:
            with open_binary(path) as stream:
                is_arrow = kind_of_table(bytes(read_at_most(stream, 8))) is not None
            reader = read_parquet if is_arrow else read_columns
            return reader(path, wanted)

        if not self.cache:
            return read()
        return read_with_cache(path, asdict(wanted), read, self.mmap)

    def read_folder(self, directory: Path) -> Dataset:
        """Read ``train.csv`` and, if it is there, ``test.csv``, which needs no labels; or ``.parquet`` files.

        Both have the same features, in whatever order.
        """
        train_path = table_in(directory, "train")
        assert train_path is not None
        train = self.read(train_path)
        test_path = table_in(directory, "test")
        name = directory.resolve().name
        if test_path is None:
            return replace(train, name=name)
        test = self.read(test_path, self._beside(train))
        X, X_test = (part.X.reshape(-1, *(train.image_shape or (part.X.shape[1],))) for part in (train, test))
        return checked_dataset(
            str(directory), X, _named_labels(train), X_test, _named_labels(test), name=name,
            require_labels=self.wanted.require_labels, feature_names=train.feature_names, label_name=train.label_name,
        )  # fmt: skip

    def _beside(self, train: Dataset) -> Wanted:
        """Return what is wanted of a test part."""
        labels: tuple[Label, ...] = (train.label_name,) if train.label_name is not None else ()
        features: Names | int = train.feature_names or train.X.shape[1]
        return Wanted((*labels, *self.wanted.labels), False, features, self.wanted.drop_labels)


def table_in(directory: Path, name: str) -> Path | None:
    """Return the table of this name in a folder."""
    return next((path for suffix in _SUFFIXES if (path := directory / f"{name}{suffix}").is_file()), None)


def _named_labels(part: Dataset) -> Array | None:
    """Return labels as the table held them, which are counted anew among the classes of both parts."""
    return None if part.y is None else original_labels(part.y, part.label_names)
