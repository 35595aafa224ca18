"""`fastnet report`: a model and what it makes of data, as one HTML file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fastnet.cli import options
from fastnet.cli.options import Backend, optional

if TYPE_CHECKING:
    import numpy.typing as npt

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
) -> int:
    """Write an HTML report about a model on some data.

    One page with confusion matrix, metrics of each class, samples, mistakes, first-layer weights and speed; it loads no
    other file and nothing from the web. If the data has a test set, as the MNIST files do, only that is used.
    """
    from fastnet.cli.output import check_writable
    from fastnet.cli.settings import check_threads

    check_threads(backend, threads)
    check_writable(out, model, data, kind="a report")

    from fastnet.cli.trial import open_trial
    from fastnet.inspection import documents
    from fastnet.report import write_report

    run = None if training is None else documents.load(training)
    trial = open_trial(model, data, label, str(backend), threads, "fastnet report", require_labels=True)
    assert trial.y is not None
    shown = replace(trial.trainer.model, image_shape=trial.image_shape)
    write_report(
        out, shown, trial.X, trial.y, name=data.name or str(data), training=run, labels=trial.labels,
        feature_names=trial.feature_names, backend=str(backend), n_threads=threads,
    )  # fmt: skip
    trial.note_held_out("report")
    print(f"saved  {out}")
    return 0


def report_training(
    path: Path, model: Model, X: npt.NDArray[Any], y: npt.NDArray[Any], document: dict[str, Any],
    feature_names: tuple[str, ...] | None,
) -> None:  # fmt: skip
    """Write the page of a training run; `X` is prepared as the network takes it."""
    from fastnet.report import write_report

    if model.table is not None:
        model = model.without_table()
    if model.preprocessing is not None:  # people want to see what the file held
        X = X / model.preprocessing.scale + model.preprocessing.shift
    settings = document["settings"]
    write_report(
        path, model, X, y, name=document["data"]["name"], training=document, feature_names=feature_names,
        backend=settings["backend"], n_threads=settings["threads"],
    )  # fmt: skip
