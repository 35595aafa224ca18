"""The training part and the test part of some data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet import datasets
from fastnet.cli.errors import as_typed
from fastnet.cli.tables.reading import may_be_mixed
from fastnet.datasets import Dataset
from fastnet.datasets.files import MixedTableError
from fastnet.datasets.held_out import HeldOut
from fastnet.datasets.numbering import are_numbers
from fastnet.datasets.ranges import check_range
from fastnet.preprocessing import Preprocessing
from fastnet.tables.target import are_values

LABEL = "label"
FRACTION = 0.2
VALIDATION = 0.1
"""Share of the training part that is held out where training may choose its end."""


@dataclass(frozen=True, eq=False)
class Parts:
    """Data to train and test on; `held_out` says how the test part was taken from the training part, if it was."""

    name: str
    X: npt.NDArray[Any]
    y: npt.NDArray[Any]
    X_test: npt.NDArray[Any]
    y_test: npt.NDArray[Any]
    held_out: HeldOut
    n_classes: int
    image_shape: tuple[int, ...] | None
    label_names: tuple[str, ...] | None = None
    feature_names: tuple[str, ...] | None = None
    preprocess: str = "scale"
    noted: Mapping[str, Any] = field(default_factory=dict)
    preprocessing: Preprocessing | None = None
    validation: tuple[npt.NDArray[Any], npt.NDArray[Any]] | None = None
    label_name: str | None = None

    @property
    def watched(self) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """What metrics are taken of as training goes: samples that it may choose by, or else the test part."""
        return self.validation or (self.X_test, self.y_test)

    @property
    def input_scale(self) -> float:
        """Factor that brings integers to [0, 1]; floats stay as they are."""
        if self.preprocess != "scale" or self.X.dtype != np.uint8:
            return 1.0
        return 1.0 / max(int(self.X.max()), 1)

    def prepared(self, dtype: str) -> Parts:
        """Return the data as a network is trained on it; what that takes is learnt from the training part alone."""
        preprocess = self.preprocess
        if preprocess in ("none", "scale"):
            return self
        if isinstance(self.X, np.memmap):
            raise ValueError(f"--mmap: --preprocess {preprocess} would copy the features, expected scale or none")
        with np.errstate(over="ignore", invalid="ignore"):  # what becomes infinite is named below
            fitted = Preprocessing.fit(self.X, preprocess)
            X, X_test = fitted(self.X, dtype), fitted(self.X_test, dtype)
        settings = np.where(fitted.scale > 0, fitted.shift, np.nan)[None]  # no scale: its inverse was infinite
        for part in (X, X_test, settings):
            _check_prepared(part, self, preprocess)
        return replace(self, X=X, X_test=X_test, preprocessing=fitted)

    def with_validation(self, seed: int) -> Parts:
        """Return the data with a share of the training part held out, by which the end of training may be chosen."""
        if isinstance(self.X, np.memmap):
            raise ValueError("--mmap: --patience would copy the features")
        train, rest = datasets.stratified_split(self.y, VALIDATION, seed)
        return replace(self, X=self.X[train], y=self.y[train], validation=(self.X[rest], self.y[rest]))

    def as_json(self) -> dict[str, Any]:
        """Return what the data is."""
        return {
            "name": self.name,
            "samples": len(self.X),
            "test_samples": len(self.X_test),
            "validation_samples": len(self.validation[0]) if self.validation else 0,
            "test_part": "given" if self.held_out.method == "none" else "held out",
            "features": self.X.shape[1],
            "classes": self.n_classes,
            "dtype": str(self.X.dtype),
            "preprocess": self.preprocess,
        }

    @property
    def samples(self) -> str:
        """Say what this is called, and how many samples there are."""
        kind = "test" if self.held_out.method == "none" else "held-out"
        counts = [f"{len(self.X):,}", f"{len(self.X_test):,} {kind}"]
        if self.validation is not None:
            counts.insert(1, f"{len(self.validation[0]):,} validation")
        return f"{self.name}: {' + '.join(counts)} samples"

    def __str__(self) -> str:
        return f"{self.samples}, {self.X.shape[1]:,} {self.X.dtype} features, {self.n_classes:,} classes"


def load(path: Path | None, label: str | tuple[str, ...] | None, **options: Any) -> Dataset:
    """Read data whose column of labels has the usual name if none is given."""
    return datasets.load(path, label=LABEL if label is None else label, **options)


def load_data(options: Any, features: tuple[str, ...] | None = None) -> Dataset:
    """Read labelled data as `fastnet train` is asked to: `--label`, `--cache-data` and `--mmap` are of files alone.

    Features are brought in the order of those that are wanted, if they are known.
    """
    given = {"--label": options.label is not None, "--cache-data": options.cache_data, "--mmap": options.mmap}
    if options.data is None and any(given.values()):
        option = next(option for option, is_given in given.items() if is_given)
        raise ValueError(f"{option} needs DATA: the digits dataset is in no file")
    return load(options.data, options.label, cache=options.cache_data, mmap=options.mmap, features=features)


def load_parts(options: Any, features: tuple[str, ...] | None = None) -> Parts:
    """Read labelled data and see that it has a test part; `--test-samples` or else a share of them is held out.

    Features must be finite in the dtype that they are prepared in. They are in the order of `features`, if given.
    """
    fraction, count = options.test_fraction, options.test_samples
    if fraction is not None and count is not None:
        raise ValueError("--test-fraction and --test-samples: expected one of them")
    data = load_data(options, features)
    y = _checked_labels(data, options.data)
    if may_be_mixed(options) and _are_values(data):
        raise MixedTableError(f"{options.data}: {data.n_classes:,} different whole numbers as labels, expected classes")
    preprocess = chosen_preprocess(str(options.preprocess), data)
    is_wanted = str(options.preprocess) in ("standardize", "minmax")  # which compute in float64
    check_ranges(data, "float64" if is_wanted else str(options.dtype), options.data)
    if data.X_test is not None and data.y_test is not None:
        if fraction is not None or count is not None:
            option = "--test-samples" if fraction is None else "--test-fraction"
            raise ValueError(f"{option} does not fit {options.data}, which has a test part of its own")
        return _parts(data, (data.X, y), (data.X_test, data.y_test), HeldOut(), preprocess)
    share = FRACTION if fraction is None and count is None else fraction
    if options.mmap:
        n_train = _rows_before_test(y, share, count)
        parts = (data.X[:n_train], y[:n_train]), (data.X[n_train:], y[n_train:])
        return _parts(data, *parts, HeldOut("last", count=len(y) - n_train), preprocess)
    with as_typed({"fraction": "--test-fraction", "count": "--test-samples", "y": str(options.data)}):
        train, test = datasets.stratified_split(y, share, options.seed, count=count)
    held_out = HeldOut("stratified", share, count, options.seed)
    return _parts(data, (data.X[train], y[train]), (data.X[test], y[test]), held_out, preprocess)


def _are_values(data: Dataset) -> bool:
    """Whether labels are whole numbers that are no classes."""
    is_numbered = data.label_names is None or are_numbers(data.label_names)
    return is_numbered and are_values(data.n_classes, len(data.X))


def chosen_preprocess(asked: str, data: Dataset) -> str:
    """Return what is done to features: bytes are scaled, other numbers standardised, unless something is asked for.

    Images of numbers from -1 to 1 are scaled already, and standardising what is mapped would copy it.
    """
    if asked != "auto":
        return asked
    if data.X.dtype == np.uint8:
        return "scale"
    if isinstance(data.X, np.memmap) or (data.image_shape is not None and np.abs(data.X).max() <= 1):
        return "none"
    return "standardize"


def _checked_labels(data: Dataset, path: Path | None) -> npt.NDArray[np.int32]:
    """Return labels that can be learnt: of two classes at least."""
    assert data.y is not None
    if data.y.min() == data.y.max():
        label = data.y[0] if data.label_names is None else data.label_names[data.y[0]]
        raise ValueError(f"{path or data.name}: all labels are the same class, {label!s}; expected two classes or more")
    return data.y


def check_ranges(data: Dataset, dtype: str, path: Path | None, prepare: Callable[[Any], Any] | None = None) -> None:
    """Refuse features of either part that are beyond `dtype`."""
    for X, part in ((data.X, ""), (data.X_test, " (test part)")):
        if X is not None:
            check_range(X, dtype, f"{path}{part}", data.feature_names, prepare)


def _check_prepared(X: npt.NDArray[Any], parts: Parts, preprocess: str) -> None:
    wrong = np.flatnonzero(~np.isfinite(X).all(axis=0))
    if wrong.size:
        name = f"{wrong[0]} (from 0)" if parts.feature_names is None else repr(parts.feature_names[wrong[0]])
        raise ValueError(f"{parts.name}: column {name}: its numbers are too large for --preprocess {preprocess}")


def _rows_before_test(y: npt.NDArray[np.int32], fraction: float | None, count: int | None) -> int:
    """Return where the last samples begin that mapped data holds out: any others would have to be copied."""
    n_test = count if count is not None else round((fraction or 0.0) * len(y))
    if fraction is not None and not 0 < fraction < 1:
        raise ValueError(f"--test-fraction: got {fraction}, expected a number between 0 and 1, both excluded")
    if not 0 < n_test < len(y):
        raise ValueError(f"--mmap: cannot hold the last {n_test} of {len(y)} samples out")
    classes, in_train, in_test = (len(np.unique(part)) for part in (y, y[:-n_test], y[-n_test:]))
    if min(in_train, in_test) < classes:
        raise ValueError(
            f"--mmap holds the last {n_test:,} samples out, but they or the others lack some of the {classes:,} "
            "classes: expected shuffled samples, or a test part"
        )
    return len(y) - n_test


def check_no_copy(parts: Parts, dtype: str) -> None:
    """Refuse mapped features that the trainer would convert, and so copy."""
    if parts.X.dtype.kind == "f" and parts.X.dtype != dtype:
        raise ValueError(
            f"--mmap: --dtype {dtype} would copy {parts.X.dtype} features, expected --dtype {parts.X.dtype}"
        )


def _parts(
    data: Dataset, train: tuple[Any, Any], test: tuple[Any, Any], held_out: HeldOut, preprocess: str
) -> Parts:  # fmt: skip
    assert data.y is not None
    return Parts(
        data.name, *train, *test, held_out, data.n_classes, data.image_shape, data.label_names, data.feature_names,
        preprocess, held_out.noted(data.X, data.y), label_name=data.label_name,
    )  # fmt: skip


def test_part(  # no test: pytest does not look here
    data: Dataset,
    labelled: bool = False,  # noqa: PT028
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int32] | None, str]:
    """Return features, labels and name of the part that a model is tried on: the test part where there is one."""
    if data.X_test is None:
        return data.X, data.y, "all samples"
    if labelled and data.y_test is None:
        raise ValueError(f"{data.name}: the test part has no labels; expected some to compare predictions with")
    return data.X_test, data.y_test, "test part"
