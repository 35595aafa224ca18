"""`fastnet export` and `fastnet import`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fastnet.cli import options

if TYPE_CHECKING:
    from fastnet.models import Model

EXPORT_EXAMPLES = """\b
Examples:
  fastnet export model.safetensors model.onnx --input-dtype uint8
  fastnet export model.safetensors state.safetensors --to pytorch
"""
IMPORT_EXAMPLES = """\b
Examples:
  fastnet import state.safetensors model.safetensors --from pytorch --activation relu
  fastnet import model.npz model.safetensors
"""

Target = StrEnum("Target", ["fastnet", "onnx", "pytorch"])
"""Formats to write."""

Source = StrEnum("Source", ["fastnet", "pytorch"])
"""Formats to read."""

InputDtype = StrEnum("InputDtype", ["float32", "float64", "uint8"])
"""Types of an ONNX graph's inputs."""

Loss = StrEnum(
    "Loss",
    [
        "cross_entropy",
        "softmax_squared_error",
        "binary_cross_entropy",
        "squared_error",
        "poisson",
        "huber",
        "absolute_error",
    ],
)
"""Losses, which say what outputs mean."""

ExportOut = Annotated[Path, typer.Argument(metavar="OUT", help="File to write: .onnx, .safetensors or .npz.")]
ImportOut = Annotated[Path, typer.Argument(metavar="OUT", help="Model file to write: .safetensors or .npz.")]
To = Annotated[
    Target | None,
    typer.Option(
        help="Format to write: a fastnet model, ONNX, or a PyTorch state dict in safetensors.  "
        "[default: onnx if OUT ends in .onnx, else fastnet]",
        show_default=False,
    ),
]
From = Annotated[
    Source, typer.Option("--from", help="Format of FILE: a fastnet model, or a PyTorch state dict in safetensors.")
]
State = Annotated[Path, typer.Argument(metavar="FILE", help="A fastnet model, or a PyTorch state dict in safetensors.")]
Activation = Annotated[
    options.Activation | None,
    typer.Option(help="Activation between the layers, for a PyTorch state dict.  [default: relu]", show_default=False),
]
LossOption = Annotated[
    Loss | None,
    typer.Option(
        help="Loss that the network was trained with, for a PyTorch state dict; it determines what outputs mean.  "
        "[default: as noted by fastnet export, else cross_entropy]",
        show_default=False,
    ),
]
InputDtypeOption = Annotated[
    InputDtype | None,
    typer.Option(help="Data type of the inputs of the ONNX graph.  [default: that of the network]", show_default=False),
]


def export(model: options.ModelPath, out: ExportOut, to: To = None, input_dtype: InputDtypeOption = None) -> int:
    """Convert a model to ONNX, npz or a PyTorch state dict."""
    from fastnet.cli.output import check_writable

    target = to or (Target.onnx if out.suffix.lower() == ".onnx" else Target.fastnet)
    if target is Target.fastnet and out.suffix.lower() not in (".safetensors", ".npz"):
        raise ValueError(f"OUT must end in .safetensors, .npz or .onnx, got {out}")
    if target is Target.pytorch and out.suffix.lower() != ".safetensors":
        raise ValueError(f"OUT must end in .safetensors for --to pytorch, got {out}")
    if input_dtype is not None and target is not Target.onnx:
        raise ValueError(f"--input-dtype is for ONNX, got {out} as {target}")
    check_writable(out, model, None, "OUT")

    from fastnet import models

    loaded = models.load_model(model)
    if target is Target.onnx:
        models.export_onnx(out, loaded, None if input_dtype is None else str(input_dtype))
    else:
        (models.save_pytorch if target is Target.pytorch else models.save_model)(out, loaded)
    kinds = {Target.fastnet: "a model of fastnet", Target.onnx: "ONNX", Target.pytorch: "a state dict for PyTorch"}
    print(f"{out}: {_described(loaded)}, written as {kinds[target]}")
    return 0


def import_(
    file: State, out: ImportOut, source: From = Source.fastnet, activation: Activation = None, loss: LossOption = None
) -> int:
    """Convert a PyTorch state dict, or a model in npz, to a model file."""
    from fastnet.cli.output import check_writable

    if out.suffix.lower() not in (".safetensors", ".npz"):
        raise ValueError(f"OUT must end in .safetensors or .npz, got {out}")
    given = {"--activation": activation, "--loss": loss}
    for option, value in given.items():
        if value is not None and source is not Source.pytorch:
            raise ValueError(f"{option} is for --from pytorch, got {source}")
    check_writable(out, file, None, "OUT")

    from fastnet import models

    if source is Source.pytorch:
        model = models.load_pytorch(file, *(None if value is None else str(value) for value in given.values()))
    else:
        model = models.load_model(file)
    models.save_model(out, model)
    print(f"{out}: {_described(model)}, read from {file}")
    return 0


def _described(model: Model) -> str:
    network = model.network
    names = sorted(set(network.activations))
    return " ".join(["-".join(map(str, network.sizes)), *names, str(network.dtype)])
