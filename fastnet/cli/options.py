"""Options that commands share or that need many words, with the names that they accept.

The names stand here again because the library, which checks them, would load NumPy.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from fastnet.validation.activations import ACTIVATIONS

Activation = StrEnum("Activation", list(ACTIVATIONS))  # type: ignore[misc]
"""Activations of hidden layers."""


class Init(StrEnum):
    """Ways to draw the first parameters."""

    auto = "auto"
    glorot_uniform = "glorot_uniform"
    glorot_normal = "glorot_normal"
    he_uniform = "he_uniform"
    he_normal = "he_normal"
    uniform = "uniform"
    scaled_uniform = "scaled_uniform"


class OptimizerName(StrEnum):
    """Optimizers."""

    sgd = "sgd"
    momentum = "momentum"
    nesterov = "nesterov"
    adam = "adam"
    adamw = "adamw"


class Dtype(StrEnum):
    """Precisions."""

    float32 = "float32"
    float64 = "float64"


class Backend(StrEnum):
    """Implementations."""

    numba = "numba"
    numpy = "numpy"


class Preprocess(StrEnum):
    """What is done to features before a network sees them."""

    none = "none"
    scale = "scale"
    standardize = "standardize"
    minmax = "minmax"


FORMATS = (
    "A CSV, Parquet, .npz, .npy or IDX file, plain or .gz; or a folder with Kaggle's train.csv and test.csv or with "
    "MNIST's files."
)

ModelPath = Annotated[Path, typer.Argument(metavar="MODEL", help="A model file that fastnet train wrote.")]
DataPath = Annotated[Path, typer.Argument(metavar="DATA", help=FORMATS)]
TrainingData = Annotated[
    Path | None,
    typer.Argument(
        metavar="DATA",
        help=f"{FORMATS} Without it, scikit-learn's embedded digits.",
        show_default=False,
    ),
]
Label = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="Label column of a CSV or Parquet file: its name, or its position, 0 for the first, -1 for the last.  "
        "[default: label]",
        show_default=False,
    ),
]
TestFraction = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="Share of every class to hold out as the test part, where the data has none.  [default: 0.2]",
        show_default=False,
    ),
]
TestSamples = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Samples to hold out instead of a share: of every class in proportion, N in all.",
        show_default=False,
    ),
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
        help="What is done to features, and kept with the model: integers divided by the largest (scale), mean 0 and "
        "deviation 1 (standardize), range 0 to 1 (minmax), each by the training part; or nothing.",
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
    Init,
    typer.Option(help="How the first parameters are drawn; auto is he_uniform before relu, else glorot_uniform."),
]
DtypeOption = Annotated[Dtype, typer.Option(help="Precision of parameters and arithmetic.")]
Epochs = Annotated[
    int,
    typer.Option(min=1, metavar="N", help="Passes over the training part. 60 suit a thousand samples, 5 to 20 MNIST."),
]
BatchSize = Annotated[str, typer.Option(metavar="N|full", help="Samples per step, or all of them.")]
OptimizerOption = Annotated[OptimizerName, typer.Option(help="How steps are made.")]
LearningRate = Annotated[
    float | None,
    typer.Option(
        metavar="RATE",
        help="Learning rate.  [default: 0.001 for adam and adamw, else 0.1]",
        show_default=False,
    ),
]
Momentum = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="Share of the last step that the next one keeps; for momentum and nesterov.  [default: 0.9]",
        show_default=False,
    ),
]
WeightDecay = Annotated[
    float | None,
    typer.Option(
        metavar="RATE",
        help="Share of a parameter, per unit of learning rate, that a step takes away; for adamw.  [default: 0.01]",
        show_default=False,
    ),
]
ClipNorm = Annotated[
    float | None,
    typer.Option(
        metavar="NORM",
        help="Scale each step's gradient down to this norm if its own is larger.",
        show_default=False,
    ),
]
ClipValue = Annotated[
    float | None,
    typer.Option(
        metavar="SIZE",
        help="Limit the elements of each step's gradient to this size, before --clip-norm.",
        show_default=False,
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        min=0,
        metavar="N",
        help="Seed of the first parameters, the order of samples and the held-out part.",
    ),
]
BackendOption = Annotated[Backend, typer.Option(help="Compiled kernels (numba), or the reference (numpy).")]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Threads of the kernels; results are the same bits for any number.  "
        "[default: as many as are available and pay]",
        show_default=False,
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Also write a page about the training, in HTML.", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
RecipeName = Annotated[
    str | None,
    typer.Option(
        "--recipe", metavar="NAME", help="Train as a recipe says, which fastnet recipes lists.", show_default=False
    ),
]
Better = Annotated[bool, typer.Option("--better", help="Take the better setting of the recipe.")]


def given(context: typer.Context) -> dict[str, Any]:
    """Return the options that stand on the command line, by the names of the command's parameters."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return {name: context.params[name] for name, source in sources.items() if source and source.name == "COMMANDLINE"}
