"""`fastnet predict`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fastnet.cli import options
from fastnet.cli.options import Backend, optional
from fastnet.cli.tables import options as tables

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from fastnet.cli.model import SavedModel

EXAMPLES = """\b
Examples:
  fastnet predict model.safetensors test.csv --out predictions.csv
  fastnet predict model.safetensors test.csv --submission submission.csv
"""

Out = Annotated[str, typer.Option(metavar="FILE", help='CSV file to write; "-" is standard output.')]
Probabilities = Annotated[
    bool, typer.Option("--probabilities", help="Write the probability of each class instead of the most probable one.")
]
Submission = Annotated[
    Path | None,
    optional(
        "FILE", "Write a submission for Kaggle's digit recogniser (ImageId,Label), and print the accuracy to expect."
    ),
]


def predict(
    model: options.ModelPath,
    data: options.DataPath,
    out: Out = "-",
    probabilities: Probabilities = False,
    submission: Submission = None,
    label: options.Label = None,
    backend: options.BackendOption = Backend.numba,
    threads: options.Threads = None,
    delimiter: tables.Delimiter = None,
    decimal: tables.Decimal = None,
    encoding: tables.Encoding = None,
) -> int:
    """Predict labels, probabilities or numbers, as CSV.

    If the data has a test set, as the MNIST files do, only that is predicted. Labels are not needed, and ignored if
    there are any. Columns are matched by name, in any order.
    """
    from fastnet.cli.model import load_data, open_model
    from fastnet.cli.output import check_writable
    from fastnet.cli.settings import check_threads

    check_threads(backend, threads)
    if submission is not None and (out != "-" or probabilities):
        raise ValueError(f"--submission is a file of labels, got {'--probabilities' if probabilities else '--out'} too")
    path = submission or (None if out == "-" else Path(out))
    check_writable(path, model, data, "--out" if submission is None else "--submission", "CSV")

    from fastnet.cli.data import test_part
    from fastnet.output.atomic import replacing

    trainer = open_model(model, backend, threads)
    dialect = tables.dialect(delimiter, decimal, encoding)
    X, _, part = test_part(load_data(data, label, trainer, model, False, drop_labels=True, dialect=dialect))
    header, rows = _table(trainer, X, probabilities) if submission is None else _submission(trainer, X)
    if path is None:
        _write(sys.stdout, header, rows)
        return 0
    with replacing(path, "w", encoding="utf-8", newline="") as file:
        _write(file, header, rows)
    print(f"predictions of {len(X):,} samples ({part}) written to {path}")
    if submission is not None:
        print(_expectation(trainer.model.metrics))
    return 0


_DIGITS = {4: "%.9g", 8: "%.17g"}
"""As many as it takes to read the same number back, by the bytes of a number."""


def _table(trainer: SavedModel, X: npt.NDArray[Any], probabilities: bool) -> tuple[list[str], list[list[str]]]:
    from fastnet.inspection.classes import class_probabilities

    values = class_probabilities(trainer, X) if probabilities else trainer.predict(X)
    if not probabilities and trainer.model.n_classes is not None:
        return ["label"], [[text] for text in trainer.names_of(values.tolist())]
    is_label = values.dtype.kind == "i"
    if trainer.model.table is not None and values.ndim == 1 and not probabilities:  # numbers of a column
        form = _DIGITS[values.dtype.itemsize]
        return [trainer.model.label_name or "output"], [[form % value] for value in values.tolist()]
    name = "probability" if probabilities else "label" if is_label else "output"
    form = "%d" if is_label else _DIGITS[values.dtype.itemsize]
    rows = [[form % value for value in row] for row in values.reshape(len(values), -1).tolist()]
    return [name] if values.ndim == 1 else [
        f"{name}_{column}" for column in trainer.output_names(values.shape[1])
    ], rows


def _submission(trainer: SavedModel, X: npt.NDArray[Any]) -> tuple[list[str], list[list[str]]]:
    if trainer.model.n_classes is None:
        raise ValueError("--submission needs a model that predicts one label a sample")
    labels = trainer.predict(X)
    return ["ImageId", "Label"], [[str(i), text] for i, text in enumerate(trainer.names_of(labels.tolist()), 1)]


def _expectation(metrics: Mapping[str, float]) -> str:
    """Say which accuracy to expect: the held-out one, with the standard error of a share of so many samples."""
    if not {"test_accuracy", "test_samples"} <= metrics.keys():
        return "accuracy to expect: unknown, the model was saved without that of a test part"
    accuracy, n_samples = metrics["test_accuracy"], metrics["test_samples"]
    error = (accuracy * (1 - accuracy) / n_samples) ** 0.5
    shown = f"{100 * accuracy:.2f} % with a standard error of {100 * error:.2f} %"
    return f"accuracy to expect: {shown}, as on the {n_samples:,.0f} test samples of training"


def _write(stream: Any, header: list[str], rows: list[list[str]]) -> None:
    import csv

    csv.writer(stream, lineterminator="\n").writerows([header, *rows])
