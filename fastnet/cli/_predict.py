"""`fastnet predict`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fastnet.cli import _options as options
from fastnet.cli._options import Backend

if TYPE_CHECKING:
    import numpy.typing as npt

    from fastnet.trainer import Trainer

Out = Annotated[
    str,
    typer.Option(metavar="FILE", help='CSV file to write, "-" for standard output.'),
]
Probabilities = Annotated[
    bool,
    typer.Option("--probabilities", help="One column a class, instead of the most probable label."),
]


def predict(
    model: options.ModelPath,
    data: options.DataPath,
    out: Out = "-",
    probabilities: Probabilities = False,
    label: options.Label = None,
    backend: options.BackendOption = Backend.numba,
    threads: options.Threads = None,
) -> int:
    """Predict labels or probabilities, and write them as CSV.

    Data with a test part, such as the MNIST files, is predicted there. It need not have labels; a label column
    is left out of the features.
    """
    from fastnet.cli._model import load_data, open_model
    from fastnet.cli._output import check_writable
    from fastnet.cli._settings import check_threads

    check_threads(backend, threads)
    if out != "-":
        check_writable(Path(out), model, data)

    from fastnet._atomic import replacing
    from fastnet.cli._data import test_part

    trainer = open_model(model, backend, threads)
    X, _, part = test_part(load_data(data, label, trainer, model, require_labels=False))
    values, header = _table(trainer, X, probabilities)
    if out == "-":
        _write(sys.stdout, values, header)
        return 0
    with replacing(out, "w", encoding="utf-8", newline="") as file:
        _write(file, values, header)
    print(f"predictions of {len(X):,} samples ({part}) written to {out}")
    return 0


def _table(trainer: Trainer, X: npt.NDArray[Any], probabilities: bool) -> tuple[npt.NDArray[Any], str]:
    values = trainer.predict_proba(X) if probabilities else trainer.predict(X)
    name = "probability" if probabilities else "label" if values.dtype.kind == "i" else "output"
    columns = [name] if values.ndim == 1 else [f"{name}_{i}" for i in range(values.shape[1])]
    return values, ",".join(columns)


def _write(stream: Any, values: npt.NDArray[Any], header: str) -> None:
    import numpy as np

    digits = {"i": "%d", 4: "%.9g", 8: "%.17g"}  # as many as it takes to read the same number back
    form = digits["i" if values.dtype.kind == "i" else values.dtype.itemsize]
    np.savetxt(stream, values, form, ",", header=header, comments="")
