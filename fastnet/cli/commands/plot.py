"""`fastnet plot`: pictures as files."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fastnet.cli import options
from fastnet.cli.options import Backend, optional

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from fastnet.cli.trial import Trial

EXAMPLES = """\b
Examples:
  fastnet plot samples model.safetensors mnist/ --rows 3 --columns 5
  fastnet plot confusion model.safetensors mnist/ --out confusion.svg
  fastnet plot weights model.safetensors
  fastnet plot curves model.safetensors --out curves.pdf
"""

Kind = StrEnum("Kind", ["samples", "digit", "confusion", "mistakes", "weights", "curves"])
"""What is drawn."""

KindArgument = Annotated[
    Kind,
    typer.Argument(
        metavar="KIND",
        help="What to plot; digit is one sample with its probabilities, mistakes are the misclassified samples.",
    ),
]
Source = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL", help="A model file from fastnet train; for curves, also the output of fastnet train --json.",
    )
]  # fmt: skip
Data = Annotated[
    Path | None,
    typer.Argument(metavar="DATA", help="Data to plot; not for weights and curves.", show_default=False),
]
Out = Annotated[Path | None, optional("FILE", "Picture to write: .png, .svg or .pdf.  [default: KIND.png]")]
Index = Annotated[int | None, optional("N", "Which sample digit shows.  [default: 0]", min=0)]
Rows = Annotated[int | None, optional("N", "Rows of a grid.  [default: 3; weights: 4]", min=1, max=100)]
Columns = Annotated[int | None, optional("N", "Columns of a grid.  [default: 3; weights: 8]", min=1, max=100)]
Seed = Annotated[
    int | None,
    optional("N", "Choose samples at random with this seed, instead of the first ones.", min=0)
]  # fmt: skip

OPTIONS = {
    Kind.samples: {"--rows", "--columns", "--seed"},
    Kind.digit: {"--index"},
    Kind.mistakes: {"--rows", "--columns"},
    Kind.weights: {"--rows", "--columns"},
}
"""Which of these options a kind takes."""


def plot(
    kind: KindArgument, model: Source, data: Data = None, out: Out = None, index: Index = None, rows: Rows = None,
    columns: Columns = None, seed: Seed = None, label: options.Label = None,
    backend: options.BackendOption = Backend.numba, threads: options.Threads = None,
) -> int:  # fmt: skip
    """Plot samples, the confusion matrix, mistakes, weights or learning curves."""
    from fastnet.cli.output import check_picture, check_writable
    from fastnet.cli.settings import check_threads

    path = Path(f"{kind}.png") if out is None else out
    _check_options(kind, data, {"--index": index, "--rows": rows, "--columns": columns, "--seed": seed})
    check_threads(backend, threads)
    check_picture(path, "--out")
    check_writable(path, model, data)

    from fastnet import plots

    grid: dict[str, Any] = {name: value for name, value in (("rows", rows), ("columns", columns)) if value is not None}
    if data is None:
        figure = _curves(model) if kind is Kind.curves else _weights(model, grid)
    else:
        from fastnet.cli.trial import open_trial

        needs_labels = kind in (Kind.confusion, Kind.mistakes)
        trial = open_trial(model, data, label, str(backend), threads, f"fastnet plot {kind}", needs_labels)
        if needs_labels:
            trial.note_held_out(str(kind))
        figure = _samples(kind, trial, index or 0, grid, seed)
    plots.save(figure, path)
    print(f"saved  {path}")
    return 0


def _check_options(kind: Kind, data: Path | None, given: dict[str, int | None]) -> None:
    """Refuse what a kind would not look at, and missing data."""
    without_data = kind in (Kind.weights, Kind.curves)
    if without_data != (data is None):
        raise ValueError(f"{kind} takes {'no DATA' if without_data else 'DATA: the samples to draw'}")
    for option, value in given.items():
        if value is not None and option not in OPTIONS.get(kind, ()):
            raise ValueError(f"{option} is not for {kind}")


def _curves(path: Path) -> Figure:
    from fastnet import plots
    from fastnet.inspection import documents

    try:
        return plots.curves(documents.history_of(path), validation="test")
    except TypeError as error:
        raise ValueError(f"{path}: damaged history: {error}") from None


def _weights(path: Path, grid: dict[str, Any]) -> Figure:
    from fastnet import load_model, plots
    from fastnet.inspection.images import is_image

    model = load_model(path)
    return plots.weights(model.network, image_shape=model.image_shape if is_image(model.image_shape) else None, **grid)


def _samples(kind: Kind, trial: Trial, index: int, grid: dict[str, Any], seed: int | None) -> Figure:
    """Draw what needs samples."""
    import numpy as np

    from fastnet import plots
    from fastnet.cli.trial import checked_indices

    X, named = trial.X, trial.pictured
    y: Any = trial.y
    if kind is Kind.confusion:
        return plots.confusion(y, trial.probabilities().argmax(axis=1), labels=trial.labels)
    if kind is Kind.mistakes:
        return plots.mistakes(X, y, trial.probabilities(), **named, **grid)
    if kind is Kind.digit:
        checked_indices([index], len(X))
        return plots.digit(X[index], trial.probabilities([index])[0], None if y is None else int(y[index]), **named)
    count = min(grid.get("rows", 3) * grid.get("columns", 3), len(X))
    chosen = np.arange(count) if seed is None else np.random.default_rng(seed).choice(len(X), count, replace=False)
    predicted = trial.probabilities(chosen).argmax(axis=1)
    return plots.samples(X[chosen], None if y is None else y[chosen], predicted, **named, **grid)
