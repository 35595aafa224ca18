"""What the options of `fastnet train` mean, made once: settings of training, a network's, and which fit together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastnet.network import Network
    from fastnet.optimizers import Optimizer
    from fastnet.training.settings import TrainingSettings

RATES = ("lr", "momentum", "weight_decay")
"""Options of optimizers."""


def training_settings(options: Any) -> TrainingSettings:
    """Return the settings that the options of a run without a recipe ask for: most have the names of fields."""
    from dataclasses import fields

    from fastnet.training.settings import TrainingSettings

    understood = {
        "optimizer": make_optimizer(str(options.optimizer), {name: getattr(options, name) for name in RATES}),
        "loss": _loss(str(options.loss), options.label_smoothing),
        "batch_size": samples_per_step(options.batch_size),
        "n_threads": options.threads,
    }
    others = [field.name for field in fields(TrainingSettings) if field.name not in understood]
    return TrainingSettings(**understood, **{name: _plain(getattr(options, name)) for name in others})


def _plain(value: Any) -> Any:
    """Return a name of an enumeration as text."""
    return str(value) if isinstance(value, str) else value


def make_network(options: Any, n_features: int, n_classes: int, input_scale: float) -> Network:
    """Return the network that the options of a run without a recipe ask for."""
    from fastnet.network import Network

    return Network(
        [n_features, *hidden_sizes(options.hidden), n_classes], str(options.activation), bias=not options.no_bias,
        init=str(options.init), seed=options.seed, dtype=str(options.dtype), input_scale=input_scale,
    )  # fmt: skip


def check(options: Any, given: Mapping[str, Any]) -> None:
    """Refuse what does not fit together, before any data is read."""
    from fastnet.cli.output import check_picture
    from fastnet.validation.training import positive

    if options.better is not None:
        raise ValueError(f"{'--better' if options.better else '--as-written'} needs --recipe NAME")
    if options.dropout and not hidden_sizes(options.hidden):
        raise ValueError("--dropout drops activations of hidden layers, and --hidden none has none")
    if options.find_lr and options.report is not None:
        raise ValueError("--find-lr trains nothing: no --report")
    if options.steps is not None and "epochs" in given:
        raise ValueError("--steps stands for --epochs, and both were given")
    if options.max_time is not None:
        positive("--max-time", options.max_time)
    if options.plot is not None and not options.find_lr:
        raise ValueError("--plot is the picture of --find-lr, which was not asked for")
    check_picture(options.plot, "--plot")
    if options.find_lr and options.ranks is not None:
        raise ValueError("--find-lr goes in one process: no --ranks")
    if options.find_lr and options.class_weight is not None:
        raise ValueError("--find-lr weighs all samples alike: no --class-weight")
    if options.find_lr and (options.resume or options.checkpoint):
        raise ValueError("--find-lr trains nothing: no --checkpoint or --resume")


def hidden_sizes(text: str) -> list[int]:
    """Read the sizes of hidden layers: "128", "256,64" or "none"."""
    if text == "none":
        return []
    sizes = [part.strip() for part in text.split(",")]
    if not all(size.isascii() and size.isdigit() and 0 < int(size) < 1 << 31 for size in sizes):
        raise ValueError(f'--hidden must be sizes such as 128 or 256,64, or "none", got {text!r}')
    return [int(size) for size in sizes]


def samples_per_step(text: str) -> int | None:
    """Read a batch size; None stands for all samples."""
    if text == "full":
        return None
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ValueError(f'--batch-size must be an integer of at least 1 or "full", got {text!r}')
    return int(text)


def make_optimizer(name: str, rates: Mapping[str, float | None]) -> Optimizer:
    """Return the settings of an optimizer; the library knows the defaults of what is None."""
    from fastnet.optimizers import SGD, Adam, AdamW

    given: dict[str, Any] = {option: value for option, value in rates.items() if value is not None}
    if "momentum" in given and name not in ("momentum", "nesterov"):
        raise ValueError(f"--momentum needs --optimizer momentum or nesterov, got {name}")
    if "weight_decay" in given and name != "adamw":
        raise ValueError(f"--weight-decay needs --optimizer adamw, got {name}")
    if name == "adam":
        return Adam(**given)
    if name == "adamw":
        return AdamW(**given)
    return SGD(**given) if name == "sgd" else SGD(**{"momentum": 0.9, **given}, nesterov=name == "nesterov")


def _loss(name: str, label_smoothing: float) -> str | tuple[str, float]:
    """Return the loss with its setting."""
    if not label_smoothing:
        return name
    if name != "cross_entropy":
        raise ValueError(f"--label-smoothing needs --loss cross_entropy, got {name}")
    return name, label_smoothing
