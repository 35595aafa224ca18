"""Parameters of an estimator of many networks: its own, and all those that each network has."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from sklearn.base import clone

Kind = TypeVar("Kind", bound=type)

POSITIONAL = ("n_estimators",)
"""The parameters that need no keyword."""


def of_networks(
    network: type, constraints: dict[str, list[Any]], without: tuple[str, ...] = (), **own: Any
) -> Callable[[Kind], Kind]:
    """Give a class the parameters of a kind of network after its own, which come with their defaults.

    scikit-learn reads the parameters of an estimator off the signature of its constructor: it is made here, of the
    network's, so that both stay the same.

    Parameters
    ----------
    network : type
        `MLPClassifier` or `MLPRegressor`.
    constraints : dict
        What the class's own parameters may be, as scikit-learn has it.
    without : tuple of str
        Parameters of the network that the class has not, beside the progress bar: many would share one line.
    **own : object
        Defaults of the class's own parameters.
    """

    def decorate(cls: Kind) -> Kind:
        left_out = (*without, "progress_bar")
        signature = _signature(network, left_out, own)

        def init(self: Any, *args: Any, **parameters: Any) -> None:
            try:
                bound = signature.bind(self, *args, **parameters)
            except TypeError as error:
                raise TypeError(f"{cls.__name__}: {error}") from None
            bound.apply_defaults()
            for name, value in bound.arguments.items():
                if name != "self":
                    setattr(self, name, value)

        init.__signature__ = signature  # type: ignore[attr-defined]
        found: Any = cls
        found.__init__, found._network = init, network
        theirs = network._parameter_constraints  # type: ignore[attr-defined]
        found._parameter_constraints = {name: theirs[name] for name in theirs if name not in left_out} | constraints
        return cls

    return decorate


def _signature(network: type, left_out: tuple[str, ...], own: dict[str, Any]) -> inspect.Signature:
    kind = inspect.Parameter
    theirs = [one for one in inspect.signature(network).parameters.values() if one.name not in (*own, *left_out)]
    names = {name: value for name, value in own.items() if name in POSITIONAL}
    first = [kind(name, kind.POSITIONAL_OR_KEYWORD, default=value) for name, value in names.items()]
    others = [kind(name, kind.KEYWORD_ONLY, default=value) for name, value in own.items() if name not in names]
    named = [one.replace(kind=kind.KEYWORD_ONLY, annotation=kind.empty) for one in theirs]
    return inspect.Signature([kind("self", kind.POSITIONAL_OR_KEYWORD), *first, *others, *named])


def network_of(model: Any, random_state: Any) -> Any:
    """Return a network with the parameters of an estimator of many, not fitted, and a seed of its own.

    As in any meta-estimator of scikit-learn, each has its own copies of callbacks.
    """
    names = set(model._network._get_param_names()) & set(model._get_param_names())
    values = {name: clone(getattr(model, name), safe=False) for name in names}
    return model._network(**values | {"random_state": random_state})
