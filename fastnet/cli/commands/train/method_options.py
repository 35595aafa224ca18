"""Options of `fastnet train` alone: how it trains, how long, and what it keeps of that."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from fastnet.cli.commands.train.config import read_checkpoint, read_config


class LossName(StrEnum):
    """Losses of class labels."""

    cross_entropy = "cross_entropy"
    softmax_squared_error = "softmax_squared_error"


class ClassWeight(StrEnum):
    """Weights of classes."""

    balanced = "balanced"


class SamplingName(StrEnum):
    """Ways to draw samples."""

    shuffle = "shuffle"
    replacement = "replacement"


class ScheduleName(StrEnum):
    """Learning rates over a run."""

    constant = "constant"
    linear = "linear"
    cosine = "cosine"
    one_cycle = "one_cycle"


class RanksName(StrEnum):
    """What carries messages between ranks."""

    mpi = "mpi"


LossOption = Annotated[LossName, typer.Option(help="Loss function.")]
LabelSmoothing = Annotated[
    float,
    typer.Option(
        min=0.0, metavar="FRACTION", help="Label smoothing: fraction of each label spread evenly over all classes."
    ),
]
ClassWeightOption = Annotated[
    ClassWeight | None,
    typer.Option(
        help="Weights of samples: balanced gives all classes the same weight in all, however many samples they have.  "
        "[default: all samples alike]",
        show_default=False,
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but warnings, errors and --json.")]
NoBias = Annotated[bool, typer.Option("--no-bias", help="Train layers without biases.")]
Steps = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", help="Length of training in optimizer steps, instead of epochs.", show_default=False
    ),
]
Every = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", show_default=False,
        help="Report metrics every N epochs (or steps, with --steps); training metrics are means over them.  "
        "[default: every epoch]",
    ),
]  # fmt: skip
SamplingOption = Annotated[
    SamplingName,
    typer.Option(help="shuffle: each sample once per epoch; replacement: samples drawn with replacement."),
]
ScheduleOption = Annotated[ScheduleName, typer.Option(help="Learning rate schedule.")]
L2 = Annotated[
    float,
    typer.Option(
        "--l2", min=0.0, metavar="FACTOR", help="L2 regularisation: factor of the penalty on squared weights."
    ),
]
Dropout = Annotated[
    float,
    typer.Option(min=0.0, metavar="RATE", help="Dropout rate of the hidden layers."),
]
Patience = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", show_default=False,
        help="Early stopping: stop when the validation loss has not improved for N epochs (N reports, with --every), "
        "and keep the best parameters. A tenth of the training set is held out for validation.",
    ),
]  # fmt: skip
MaxTime = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", help="Stop after this much training time.", show_default=False),
]
Shards = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", show_default=False,
        help="Cut each batch into N shards, a power of two, whose gradients are added in a binary tree. Results depend "
        "on N, but not on the ranks that share them.  [default: 8 with --ranks, else none]",
    ),
]  # fmt: skip
Ranks = Annotated[
    RanksName | None,
    typer.Option(help="Train with all processes that mpiexec has started; needs mpi4py.", show_default=False),
]
Config = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", is_eager=True, callback=read_config, show_default=False,
        help="Read options from a TOML file, by their long names; the command line takes precedence.",
    ),
]  # fmt: skip
WriteConfig = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write the options of this run to a TOML file for --config.", show_default=False),
]
Checkpoint = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Save checkpoints to this file, whenever metrics are reported.", show_default=False,
    ),
]  # fmt: skip
CheckpointEvery = Annotated[
    int, typer.Option(min=1, metavar="N", help="Save a checkpoint at every N-th report of metrics.")
]
Resume = Annotated[
    Path | None,
    typer.Option(
        metavar="CHECKPOINT", show_default=False, is_eager=True, callback=read_checkpoint,
        help="Resume training from a checkpoint, with its options; --epochs and --steps count from its start.",
    ),
]  # fmt: skip
FindLr = Annotated[
    bool,
    typer.Option("--find-lr", help="Do not train: run a learning rate range test and suggest a rate."),
]
PlotFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Plot the result of --find-lr: .png, .svg or .pdf.", show_default=False),
]
