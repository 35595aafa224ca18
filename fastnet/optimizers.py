"""Optimizer settings. The steps themselves stand in `fastnet.reference.optimizers` and `fastnet.kernels`."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields
from typing import ClassVar

from fastnet.validation import training as training_checks


@dataclass(frozen=True)
class Optimizer:
    """What all optimizer settings share: they are checked once, when made, and cannot change."""

    state_names: ClassVar[tuple[str, ...]]
    """Names of the vectors of state that the optimizer keeps, each as long as the parameter vector."""

    def __post_init__(self) -> None:
        training_checks.hyperparameters(**{field.name: getattr(self, field.name) for field in fields(self)})

    def as_tuple(self) -> tuple[str | float | bool, ...]:
        """Return the name and the hyperparameters as `train_epoch` takes them."""
        return (type(self).__name__.lower(), *astuple(self))


@dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent, with classic or Nesterov momentum if asked for.

    Parameters
    ----------
    lr : float, default 0.1
        Learning rate.
    momentum : float, default 0.0
        Share of the last step that the next one keeps.
    nesterov : bool, default False
        Look ahead by the momentum (Nesterov, 1983).

    Examples
    --------
    >>> SGD(lr=0.5)
    SGD(lr=0.5, momentum=0.0, nesterov=False)
    """

    lr: float = 0.1
    momentum: float = 0.0
    nesterov: bool = False

    @property
    def state_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """The velocity with momentum, nothing without."""
        return ("velocity",) if self.momentum else ()

    def as_tuple(self) -> tuple[str | float | bool, ...]:
        """Return ("sgd", lr) without momentum, ("momentum", lr, momentum, nesterov) with it."""
        if not self.momentum:
            return ("sgd", self.lr)
        return ("momentum", self.lr, self.momentum, self.nesterov)


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015).

    Parameters
    ----------
    lr : float, default 0.001
        Learning rate.
    beta1, beta2 : float, default 0.9 and 0.999
        Decay of the running means of the gradient and of its square.
    eps : float, default 1e-8
        Keeps the denominator from zero.

    Examples
    --------
    >>> Adam().as_tuple()
    ('adam', 0.001, 0.9, 0.999, 1e-08)
    """

    state_names: ClassVar[tuple[str, ...]] = ("m", "v")
    lr: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8


@dataclass(frozen=True)
class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019).

    Parameters
    ----------
    lr : float, default 0.001
        Learning rate.
    weight_decay : float, default 0.01
        Share of a parameter, per unit of learning rate, that each step takes away; biases decay too.
    beta1, beta2, eps : float
        As in `Adam`.

    Examples
    --------
    >>> AdamW(lr=0.01, weight_decay=0.1).as_tuple()
    ('adamw', 0.01, 0.9, 0.999, 1e-08, 0.1)
    """

    state_names: ClassVar[tuple[str, ...]] = ("m", "v")
    lr: float = 0.001
    weight_decay: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    def as_tuple(self) -> tuple[str | float | bool, ...]:
        """Return ("adamw", lr, beta1, beta2, eps, weight_decay)."""
        return ("adamw", self.lr, self.beta1, self.beta2, self.eps, self.weight_decay)
