"""How to train: everything that is known before there is data, made and checked once, and passed on whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import ModuleType

from fastnet.distributed import shards as sharding
from fastnet.inference import Loss, backend_module
from fastnet.optimizers import Adam, Optimizer
from fastnet.output.reprs import short_repr
from fastnet.training.schedules import Schedule, StepRates, make_schedule, schedule_name
from fastnet.validation import settings as checks
from fastnet.validation import training as training_checks


@dataclass(frozen=True)
class TrainingSettings:
    """How to train: optimizer, loss, batches, regularisation, schedule, randomness, and what computes.

    `Trainer`, the estimators, the recipes and `fastnet train` each make one, and hand it on as it is.
    `dataclasses.replace` makes a variant.

    Attributes
    ----------
    optimizer : SGD, Adam or AdamW, default Adam()
        Settings of the steps.
    loss, batch_size, backend, n_threads, seed, clip_norm, clip_value, l2, dropout, sampling, schedule, shards, ranks
        As `Trainer` takes them.

    Raises
    ------
    TypeError, ValueError
        For a setting that cannot be used, which the message names.

    Examples
    --------
    >>> from fastnet import SGD
    >>> TrainingSettings(SGD(0.5), batch_size=None, dropout=[0.2, 0.0]).dropout_rates(2)
    (0.2, 0.0)
    >>> TrainingSettings(l2=-1.0)
    Traceback (most recent call last):
        ...
    ValueError: l2 must lie in [0, inf), got -1.0
    """

    optimizer: Optimizer = field(default_factory=Adam)
    loss: Loss = "cross_entropy"
    batch_size: int | None = 32
    backend: str = "numba"
    n_threads: int | None = None
    seed: int | None = None
    clip_norm: float | None = None
    clip_value: float | None = None
    l2: float = 0.0
    dropout: float | Sequence[float] = 0.0
    sampling: str = "shuffle"
    schedule: str | Schedule = "constant"
    shards: int | None = None
    ranks: str | None = None

    __repr__ = short_repr

    def __post_init__(self) -> None:
        training_checks.instance("optimizer", self.optimizer, Optimizer, "SGD, Adam or AdamW settings")
        values = dict(vars(self))
        del values["optimizer"]
        object.__setattr__(self, "shards", sharding.check(values.pop("shards"), values.pop("ranks")))
        checks.settings(**values)
        if isinstance(self.dropout, Sequence):
            object.__setattr__(self, "dropout", tuple(self.dropout))
        object.__setattr__(self, "l2", float(self.l2))
        object.__setattr__(self, "schedule", schedule_name(self.schedule))

    @property
    def kernels(self) -> ModuleType:
        """The module whose operations compute: `fastnet.kernels` or `fastnet.reference`."""
        return backend_module(self.backend)

    def dropout_rates(self, n_hidden: int) -> tuple[float, ...]:
        """Return the rate of dropout of each hidden layer; nothing if none is dropped."""
        return checks.hidden_dropout(self.dropout, n_hidden)

    def rates(self) -> StepRates:
        """Return the learning rates of a run."""
        return StepRates(make_schedule(self.schedule), float(self.optimizer.as_tuple()[1]))
