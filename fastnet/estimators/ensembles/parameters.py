"""Parameters of an estimator of many networks: its own, and all those that each network has."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from sklearn.base import clone

Kind = TypeVar("Kind", bound=type)


def of_networks(
    network: type, constraints: dict[str, list[Any]], without: tuple[str, ...] = ()
) -> Callable[[Kind], Kind]:
    """Let a class have the parameters of a kind of network where its constructor says `**parameters`.

    scikit-learn reads the parameters of an estimator off the signature of its constructor: there they stand by name.

    Parameters
    ----------
    network : type
        `MLPClassifier` or `MLPRegressor`.
    constraints : dict
        What the class's own parameters may be, as scikit-learn has it.
    without : tuple of str
        Parameters of the network that the class has not, beside the progress bar: many would share one line.
    """

    def decorate(cls: Kind) -> Kind:
        found: Any = cls
        left_out = (*without, "progress_bar")
        theirs = {name: one for name, one in inspect.signature(network).parameters.items() if name not in left_out}
        found._network, found._defaults = network, {name: one.default for name, one in theirs.items()}
        limits = network._parameter_constraints  # type: ignore[attr-defined]
        found._parameter_constraints = {name: limits[name] for name in theirs} | constraints
        own = [one for one in inspect.signature(found.__init__).parameters.values() if one.name != "parameters"]
        named = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in theirs.values()]
        found.__init__.__signature__ = inspect.Signature([*own, *named])
        return cls

    return decorate


def network_of(model: Any, random_state: Any) -> Any:
    """Return a network with the parameters of an estimator of many, not fitted, and a seed of its own.

    As in any meta-estimator of scikit-learn, each has its own copies of callbacks.
    """
    values = {name: clone(getattr(model, name), safe=False) for name in model._defaults}
    return model._network(**values | {"random_state": random_state})
