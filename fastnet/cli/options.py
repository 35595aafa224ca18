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
    "A CSV, Parquet, Feather, .npz, .npy, .mat or IDX file, plain or .gz; a folder with Kaggle's train.csv and "
    "test.csv or with MNIST's files; or - for CSV from standard input."
)

ModelPath = Annotated[Path, typer.Argument(metavar="MODEL", help="A model file that fastnet train wrote.")]
DataPath = Annotated[Path, typer.Argument(metavar="DATA", help=FORMATS)]
TrainingData = Annotated[
    Path | None,
    typer.Argument(metavar="DATA", help=f"{FORMATS} Without it, scikit-learn's embedded digits.", show_default=False),
]
Label = Annotated[
    str | None,
    optional(
        "COLUMN",
        "Label column of a CSV or Parquet file: its name, or its position, 0 for the first, -1 for the last.  "
        "[default: that of the model's training data, or label]",
    ),
]
TestFraction = Annotated[
    float | None,
    optional("SHARE", "Share of every class to hold out as the test part, where the data has none.  [default: 0.2]"),
]
TestSamples = Annotated[
    int | None, optional("N", "Samples to hold out instead of a share: of every class in proportion, N in all.", min=1)
]
CacheData = Annotated[
    bool,
    typer.Option("--cache-data", help="Keep a binary copy beside a CSV or Parquet file, and read that the next time."),
]
Mmap = Annotated[
    bool,
    typer.Option(
        "--mmap",
        help="Map features into memory instead of reading them: .npy, uncompressed .npz, or with --cache-data. "
        "What is held out are then the last samples.",
    ),
]
PreprocessOption = Annotated[
    Preprocess,
    typer.Option(
        help="What is done to features, and kept with the model: bytes (integers from 0 to 255) divided by the largest "
        "(scale); mean 0 and standard deviation 1 (standardize) or range 0 to 1 (minmax) for each feature, as measured "
        "on the training part; or none. auto is scale for bytes, none for images of values from -1 to 1 and with "
        "--mmap, standardize for other numbers."
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
    Init, typer.Option(help="How the first parameters are drawn; auto is he_uniform before relu, else glorot_uniform.")
]
DtypeOption = Annotated[Dtype, typer.Option(help="Precision of parameters and arithmetic.")]
Epochs = Annotated[
    int,
    typer.Option(min=1, metavar="N", help="Passes over the training part. 60 suit a thousand samples, 5 to 20 MNIST."),
]
BatchSize = Annotated[str, typer.Option(metavar="N|full", help="Samples per step, or all of them.")]
OptimizerOption = Annotated[OptimizerName, typer.Option(help="How steps are made.")]
LearningRate = Annotated[
    float | None, optional("RATE", "Learning rate.  [default: 0.001 for adam and adamw, else 0.1]")
]
Momentum = Annotated[
    float | None,
    optional("SHARE", "Share of the last step that the next one keeps; for momentum and nesterov.  [default: 0.9]"),
]
WeightDecay = Annotated[
    float | None,
    optional(
        "RATE", "Share of a parameter, per unit of learning rate, that a step takes away; for adamw.  [default: 0.01]"
    ),
]
ClipNorm = Annotated[
    float | None, optional("NORM", "Scale each step's gradient down to this norm if its own is larger.")
]
ClipValue = Annotated[
    float | None, optional("SIZE", "Limit the elements of each step's gradient to this size, before --clip-norm.")
]
Seed = Annotated[
    int,
    typer.Option(min=0, metavar="N", help="Seed of the first parameters, the order of samples and the held-out part."),
]
BackendOption = Annotated[Backend, typer.Option(help="Compiled kernels (numba), or the reference (numpy).")]
Threads = Annotated[
    int | None,
    optional(
        "N",
        "Threads of the kernels; results are the same bits for any number.  "
        "[default: as many as are available and pay]",
        min=1,
    ),
]
Report = Annotated[Path | None, optional("FILE", "Also write a page about the training, in HTML.")]
JsonFile = Annotated[Path | None, optional("FILE", "Write the results here.", "--json")]
MarkdownFile = Annotated[Path | None, optional("FILE", "Write a page of them here.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
RecipeName = Annotated[str | None, optional("NAME", "Train as a recipe says, which fastnet recipes lists.", "--recipe")]
Better = Annotated[
    bool | None,
    typer.Option(
        "--better/--as-written",
        help="The better setting of the recipe, or the notebook's method itself, its faults mended.  "
        "[default: the method where it reaches the accuracy that the notebook reports, else the better setting]",
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
