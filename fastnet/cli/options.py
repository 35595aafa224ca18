"""Options that commands share or that need many words, with the names that they accept.

The names stand here again because the library, which checks them, would load NumPy.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from fastnet.validation.activations import ACTIVATIONS

Activation = StrEnum("Activation", list(ACTIVATIONS))  # type: ignore[misc]
"""Activations of hidden layers."""

Init = StrEnum(
    "Init", ["auto", "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "uniform", "scaled_uniform"]
)
"""Ways to draw the first parameters."""

OptimizerName = StrEnum("OptimizerName", ["sgd", "momentum", "nesterov", "adam", "adamw"])
"""Optimizers."""

Dtype = StrEnum("Dtype", ["float32", "float64"])
"""Precisions."""

Backend = StrEnum("Backend", ["numba", "numpy"])
"""Implementations."""

Preprocess = StrEnum("Preprocess", ["auto", "none", "scale", "standardize", "minmax"])
"""What is done to features before a network sees them."""


def optional(metavar: str, help: str, *names: str, **more: Any) -> Any:
    """Declare an option that may be left out; its help says what then happens."""
    return typer.Option(*names, metavar=metavar, help=help, show_default=False, **more)


FORMATS = (
    "A CSV, Parquet, Feather, .npz, .npy, .mat or IDX file, plain or .gz; a folder with train.csv and test.csv, or "
    "with the MNIST files; or - for CSV from standard input."
)

ModelPath = Annotated[Path, typer.Argument(metavar="MODEL", help="A model file from fastnet train.")]
DataPath = Annotated[Path, typer.Argument(metavar="DATA", help=FORMATS)]
TrainingData = Annotated[
    Path | None,
    typer.Argument(metavar="DATA", help=f"{FORMATS} [default: scikit-learn's digits dataset]", show_default=False),
]
Label = Annotated[
    str | None,
    optional(
        "COLUMN",
        "Column of a table that is predicted: its name, or its position (0 is the first column, -1 the last).  "
        "[default: that of the model, where there is one, or label]",
        "--label",
        "--target",
    ),
]
TestFraction = Annotated[
    float | None,
    optional(
        "FRACTION", "Fraction of every class to hold out for testing if the data has no test set.  [default: 0.2]"
    ),
]
TestSamples = Annotated[
    int | None,
    optional("N", "Number of samples to hold out for testing, stratified by class, instead of a fraction.", min=1),
]
CacheData = Annotated[
    bool,
    typer.Option("--cache-data", help="Keep a binary copy beside a CSV or Parquet file, and read it next time."),
]
Mmap = Annotated[
    bool,
    typer.Option(
        "--mmap",
        help="Memory-map the features instead of reading them (.npy, uncompressed .npz, or with --cache-data). "
        "The last samples are then held out.",
    ),
]
PreprocessOption = Annotated[
    Preprocess,
    typer.Option(
        help="Preprocessing of the features, fitted to the training set and saved with the model. scale: integers from "
        "0 to 255 divided by their maximum. standardize: each feature to mean 0 and standard deviation 1. minmax: each "
        "feature to the range 0 to 1. auto: scale for integers from 0 to 255, none for images with values from -1 to 1 "
        "and with --mmap, else standardize."
    ),
]
Hidden = Annotated[
    str,
    typer.Option(
        metavar="SIZES", help='Sizes of the hidden layers, such as 128 or 256,64; "none" for no hidden layer.'
    ),
]
ActivationOption = Annotated[Activation, typer.Option(help="Activation of the hidden layers.")]
InitOption = Annotated[
    Init, typer.Option(help="Weight initialisation; auto is he_uniform for relu, else glorot_uniform.")
]
DtypeOption = Annotated[Dtype, typer.Option(help="Data type of parameters and arithmetic.")]
Epochs = Annotated[
    int,
    typer.Option(
        min=1, metavar="N", help="Passes over the training set; 60 suit a thousand samples, 5 to 20 suit MNIST."
    ),
]
BatchSize = Annotated[str, typer.Option(metavar="N|full", help="Samples per step; full for full-batch training.")]
OptimizerOption = Annotated[OptimizerName, typer.Option(help="Optimizer; momentum and nesterov are SGD with momentum.")]
LearningRate = Annotated[
    float | None, optional("RATE", "Learning rate.  [default: 0.001 for adam and adamw, else 0.1]")
]
Momentum = Annotated[
    float | None,
    optional("FACTOR", "Momentum factor, for momentum and nesterov.  [default: 0.9]"),
]
WeightDecay = Annotated[
    float | None,
    optional(
        "RATE", "Decoupled weight decay, multiplied by the learning rate in each step; for adamw.  [default: 0.01]"
    ),
]
ClipNorm = Annotated[float | None, optional("NORM", "Clip the norm of each step's gradient to this value.")]
ClipValue = Annotated[
    float | None, optional("VALUE", "Clip each element of the gradient to [-VALUE, VALUE], before --clip-norm.")
]
Seed = Annotated[
    int,
    typer.Option(
        min=0, metavar="N", help="Random seed of the initial weights, the order of samples and the samples held out."
    ),
]
BackendOption = Annotated[
    Backend, typer.Option(help="numba: compiled kernels; numpy: the plain reference implementation.")
]
Threads = Annotated[
    int | None,
    optional(
        "N",
        "Number of threads; results do not depend on it, bit for bit.  [default: all available, fewer for small work]",
        min=1,
    ),
]
Report = Annotated[Path | None, optional("FILE", "Also write a report about the run, as one HTML page.")]
JsonFile = Annotated[Path | None, optional("FILE", "Write the results to this JSON file.", "--json")]
MarkdownFile = Annotated[Path | None, optional("FILE", "Write the results as a page of Markdown.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
RecipeName = Annotated[str | None, optional("NAME", "Train by a recipe; fastnet recipes lists them.", "--recipe")]
Better = Annotated[
    bool | None,
    typer.Option(
        "--better/--as-written",
        help="Use the improved settings of the recipe, or the notebook's own method, its faults mended.  "
        "[default: the method where it reaches the accuracy that the notebook reports, else the improved settings]",
        show_default=False,
    ),
]


def names_in(option: str, text: str | None, known: Sequence[str]) -> list[str]:
    """Read names with commas between, each of which must be known; all that are known if none are given.

    Examples
    --------
    >>> names_in("--backends", "numba, numba", ["numpy", "numba"])
    ['numba']
    """
    names = list(known) if text is None else [name.strip() for name in text.split(",")]
    for name in names:
        if name not in known:
            raise ValueError(f"{option}: {name!r} is not known, expected some of {', '.join(known)}")
    return list(dict.fromkeys(names))


def given(context: typer.Context) -> dict[str, Any]:
    """Return the options that stand on the command line, by the names of the command's parameters."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return {name: context.params[name] for name, source in sources.items() if source and source.name == "COMMANDLINE"}
