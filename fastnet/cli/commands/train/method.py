"""How `fastnet train` trains, apart from the network, the optimizer and the data: the options, understood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastnet.training.trainer import Trainer


@dataclass(frozen=True)
class Method:
    """Loss, batches, regularisation and length of a run; where checkpoints go and where one is gone on with."""

    loss: str | tuple[str, float] = "cross_entropy"
    bias: bool = True
    sampling: str = "shuffle"
    schedule: str = "constant"
    l2: float = 0.0
    dropout: float = 0.0
    steps: int | None = None
    every: int | None = None
    checkpoint: Path | None = None
    checkpoint_every: int = 1
    resume: Path | None = None
    find_lr: bool = False
    plot: Path | None = None
    patience: int | None = None
    max_time: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what does not fit together, before any data is read."""
        from fastnet.validation.training import fraction, hyperparameters, loss_setting, positive

        loss_setting(self.loss)
        hyperparameters(l2=self.l2)
        fraction("dropout", self.dropout)
        if self.max_time is not None:
            positive("--max-time", self.max_time)
        if self.plot is not None and not self.find_lr:
            raise ValueError("--plot is the picture of --find-lr, which was not asked for")
        if self.find_lr and (self.resume or self.checkpoint):
            raise ValueError("--find-lr trains nothing: no --checkpoint or --resume")

    def as_json(self, trainer: Trainer) -> dict[str, Any]:
        """Return what a model file and a report tell of it; a run that is gone on with has the trainer's settings."""
        from fastnet.training.schedules import schedule_name

        return {
            "loss": trainer.loss, "bias": trainer.network.bias, "sampling": trainer.sampling,
            "schedule": schedule_name(trainer.schedule), "l2": trainer.l2, "dropout": list(trainer.dropout),
            "steps": self.steps, "every": self.every, "patience": self.patience, "max_time": self.max_time,
        }  # fmt: skip


def make_loss(name: str, label_smoothing: float) -> str | tuple[str, float]:
    """Return the loss with its setting."""
    if not label_smoothing:
        return name
    if name != "cross_entropy":
        raise ValueError(f"--label-smoothing needs --loss cross_entropy, got {name}")
    return name, label_smoothing
