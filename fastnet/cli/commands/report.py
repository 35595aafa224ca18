"""`fastnet report`: a model and what it makes of data, as one HTML file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fastnet.cli import options
from fastnet.cli.options import Backend, optional
from fastnet.cli.tables import options as tables

if TYPE_CHECKING:
    import numpy.typing as npt

    from fastnet.cli.model import SavedModel
    from fastnet.datasets.csv.dialect import Dialect
    from fastnet.models import Model

Out = Annotated[Path, typer.Option(metavar="FILE", help="HTML file to write.")]
Training = Annotated[
    Path | None,
    optional("FILE", "Output of fastnet train --json: adds settings, learning curves and speed.")
]  # fmt: skip


def write_page(
    model: options.ModelPath,
    data: options.DataPath,
    out: Out = Path("report.html"),
    training: Training = None,
    label: options.Label = None,
    backend: options.BackendOption = Backend.numba,
    threads: options.Threads = None,
    delimiter: tables.Delimiter = None,
    decimal: tables.Decimal = None,
    encoding: tables.Encoding = None,
) -> int:
    """Write an HTML report about a model on some data.

    One page with confusion matrix, metrics of each class, samples, mistakes, first-layer weights and speed; or with
    predictions and residuals, where numbers are predicted. It loads no other file and nothing from the web. If the data
    has a test set, as the MNIST files do, only that is used.
    """
    from fastnet.cli.output import check_writable
    from fastnet.cli.settings import check_threads

    check_threads(backend, threads)
    check_writable(out, model, data, kind="a report")

    from fastnet.cli.model import open_model
    from fastnet.cli.trial import note_held_out, trial_of
    from fastnet.inspection import documents
    from fastnet.report import write_report
    from fastnet.report.values import predicts_number

    run = None if training is None else documents.load(training)
    how, trainer = tables.dialect(delimiter, decimal, encoding), open_model(model, str(backend), threads)
    known, shown = trainer.model, trainer.model.without_table()
    y: npt.NDArray[Any] | None
    told: dict[str, Any] = {"groups": None if known.table is None else known.table.places}
    if known.table is not None and predicts_number(known):
        X, y = number_samples(data, label, trainer, model, how)
    else:
        trial = trial_of(trainer, model, data, label, "fastnet report", require_labels=True, dialect=how)
        X, y, shown = trial.X, trial.y, replace(shown, image_shape=trial.image_shape)
        told |= {"labels": trial.labels, "feature_names": trial.feature_names}
    assert y is not None
    write_report(
        out, shown, X, y, name=data.name or str(data), training=run, backend=str(backend), n_threads=threads, **told
    )
    note_held_out(trainer, X, y, "report")
    print(f"saved  {out}")
    return 0


def number_samples(
    data: Path, label: str | None, trainer: SavedModel, model: Path, dialect: Dialect
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return encoded rows of a table, and the numbers that are to be predicted."""
    from fastnet.cli.data import test_part
    from fastnet.cli.model import load_data

    X, y, _ = test_part(load_data(data, label, trainer, model, True, dialect=dialect), labelled=True)
    assert y is not None
    return X, y


def report_training(
    path: Path, model: Model, X: npt.NDArray[Any], y: npt.NDArray[Any], document: dict[str, Any],
    feature_names: tuple[str, ...] | None,
) -> None:  # fmt: skip
    """Write the page of a training run; `X` is prepared as the network takes it."""
    from fastnet.report import write_report

    groups = None
    if model.table is not None:
        groups, model = model.table.places, model.without_table()
    if model.preprocessing is not None:  # people want to see what the file held
        X = X / model.preprocessing.scale + model.preprocessing.shift
    settings = document["settings"]
    write_report(
        path, model, X, y, name=document["data"]["name"], training=document, feature_names=feature_names,
        backend=settings["backend"], n_threads=settings["threads"], groups=groups,
    )  # fmt: skip
