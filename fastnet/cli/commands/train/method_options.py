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


LossOption = Annotated[LossName, typer.Option(help="What is made small.")]
LabelSmoothing = Annotated[
    float,
    typer.Option(min=0.0, metavar="SHARE", help="Share of a label spread over all classes."),
]
NoBias = Annotated[bool, typer.Option("--no-bias", help="Layers without biases.")]
Steps = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Steps to take, instead of epochs.", show_default=False),
]
Every = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", help="Epochs, or steps, between two lines of figures.  [default: an epoch's]",
        show_default=False,
    ),
]  # fmt: skip
SamplingOption = Annotated[
    SamplingName,
    typer.Option(help="Each sample once an epoch, or any of them at any time."),
]
ScheduleOption = Annotated[ScheduleName, typer.Option(help="How the learning rate changes over the run.")]
L2 = Annotated[
    float,
    typer.Option("--l2", min=0.0, metavar="FACTOR", help="Penalty on the squares of weights."),
]
Dropout = Annotated[
    float,
    typer.Option(min=0.0, metavar="RATE", help="Rate at which hidden activations are dropped."),
]
Patience = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", show_default=False,
        help="End after N lines of figures without a lower loss of a tenth of the training part, which is held out "
        "for this, and keep the parameters of the lowest.",
    ),
]  # fmt: skip
MaxTime = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", help="End after so many seconds of training.", show_default=False),
]
Config = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", is_eager=True, callback=read_config, show_default=False,
        help="TOML file of options by their long names; the command line wins over it.",
    ),
]  # fmt: skip
WriteConfig = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write the options of this run as such a file.", show_default=False),
]
Checkpoint = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Keep the state of the run here, whenever figures are taken.", show_default=False,
    ),
]  # fmt: skip
CheckpointEvery = Annotated[int, typer.Option(min=1, metavar="N", help="Lines of figures between two checkpoints.")]
Resume = Annotated[
    Path | None,
    typer.Option(
        metavar="CHECKPOINT", show_default=False, is_eager=True, callback=read_checkpoint,
        help="Go on with the run of a checkpoint, with its options; --epochs or --steps are those of the whole run.",
    ),
]  # fmt: skip
FindLr = Annotated[
    bool,
    typer.Option("--find-lr", help="Train nothing; try rising learning rates and suggest one."),
]
PlotFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Picture of --find-lr: .png, .svg or .pdf.", show_default=False),
]
