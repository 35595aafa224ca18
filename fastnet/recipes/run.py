"""Prepare data as a recipe says, train, and take the accuracies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.datasets import Dataset, stratified_split
from fastnet.datasets.held_out import HeldOut
from fastnet.network import Network
from fastnet.output.reprs import short_repr
from fastnet.recipes.catalog import find_recipe
from fastnet.recipes.recipe import Recipe
from fastnet.training.history import History
from fastnet.training.settings import TrainingSettings
from fastnet.training.trainer import Trainer
from fastnet.validation import training as training_checks

FRACTION = 0.2
"""Share of the samples that is the test part, where a recipe needs one and the data has none."""

Part = tuple[npt.NDArray[Any], npt.NDArray[np.int32]]


@dataclass(frozen=True, eq=False)
class Result:
    """What came of a recipe.

    Attributes
    ----------
    recipe : Recipe
        The recipe, in the setting that ran.
    trainer : Trainer
        With the trained network; it predicts.
    history : History
        Metrics of the training run at the notebook's interval; those of validation are of the second part in
        `accuracies`.
    accuracies : dict of str to float
        Accuracies in the end, by part: "train", what the notebook holds out, and "test" where there is one.
    seconds : float
        Time of training, without reading, evaluation and compilation.
    """

    recipe: Recipe
    trainer: Trainer
    history: History
    accuracies: dict[str, float]
    seconds: float

    __repr__ = short_repr


def prepare(recipe: Recipe | str, data: Dataset, seed: int = 0) -> dict[str, Part]:
    """Divide data into the parts that a recipe asks for.

    Parameters
    ----------
    recipe : Recipe or str
        The recipe, or its name.
    data : Dataset
        Labelled samples. With MNIST, the first training images stand for the rows of Kaggle's file.
    seed : int, default 0
        Seed of what is held out.

    Returns
    -------
    dict of str to (X, y)
        "train"; "dev" or "validation" if the recipe holds samples out; "test" if the data has a test part, or if the
        recipe holds out nothing: then a fifth of every class is taken from the training part.

    Raises
    ------
    ValueError
        If the data has no labels, or too few samples.

    Examples
    --------
    >>> from fastnet.datasets import load_digits
    >>> {name: len(y) for name, (X, y) in prepare("kaggle-relu", load_digits()).items()}
    {'train': 1754, 'dev': 43}
    """
    recipe = find_recipe(recipe)
    if data.y is None:
        raise ValueError(f"data must have labels; {data.name} has none")
    X, y, parts = data.X, data.y, dict[str, Part]()
    if data.X_test is not None and data.y_test is not None:
        parts["test"] = data.X_test, data.y_test
    elif not recipe.held_out:
        train, test = stratified_split(y, FRACTION, seed)
        parts["test"] = X[test], y[test]
        X, y = X[train], y[train]
    X, y = X[: recipe.rows], y[: recipe.rows]
    if not recipe.held_out:
        return {"train": (X, y), **parts}
    n_held_out = _n_held_out(recipe, len(y))
    if len(y) <= n_held_out:
        raise ValueError(f"{data.name}: {len(y)} samples, too few to hold out {n_held_out}")
    order = np.random.default_rng(seed).permutation(len(y))
    held_out, train = order[:n_held_out], order[n_held_out:]
    return {"train": (X[train], y[train]), recipe.held_out_name: (X[held_out], y[held_out]), **parts}


def held_out(recipe: Recipe, data: Dataset, seed: int) -> HeldOut:
    """Return how `prepare` holds out rows of the training part."""
    if recipe.held_out:
        assert data.y is not None
        return HeldOut("drawn", count=_n_held_out(recipe, len(data.y)), seed=seed, first=recipe.rows)
    return HeldOut() if data.y_test is not None else HeldOut("stratified", FRACTION, seed=seed)


def _n_held_out(recipe: Recipe, n_samples: int) -> int:
    assert recipe.rows is not None
    return max(1, round(min(n_samples, recipe.rows) * recipe.held_out / recipe.rows))


def make_trainer(recipe: Recipe, X: npt.NDArray[Any], n_classes: int, settings: TrainingSettings) -> Trainer:
    """Return the network and what trains it, for samples like `X`."""
    scale = 1.0 / max(int(X.max()), 1) if recipe.scaled and X.dtype == np.uint8 else 1.0
    network = Network(
        (X.shape[1], *recipe.hidden, n_classes), recipe.activation, bias=recipe.bias, init=recipe.init,
        seed=settings.seed, dtype=recipe.dtype, input_scale=scale,
    )  # fmt: skip
    return Trainer.of(network, settings)


def run_recipe(
    recipe: Recipe | str,
    data: Dataset,
    backend: str = "numba",
    seed: int = 0,
    *,
    better: bool | None = None,
    n_threads: int | None = None,
    callbacks: Sequence[Any] = (),
) -> Result:
    """Train a network as a recipe says.

    Parameters
    ----------
    recipe : Recipe or str
        The recipe, or its name.
    data : Dataset
        As `prepare` takes it.
    backend : {"numba", "numpy"}
        The compiled kernels, or the reference.
    seed : int, default 0
        Seed of what is held out, of the first parameters and of the order of samples.
    better : bool, optional
        Whether to take the better setting, or the notebook's method as written. If not given, the recipe as it is:
        those of `RECIPES` are in the setting that reaches what the notebook reports.
    n_threads : int, optional
        Threads of the compiled kernels; as many as are available and pay, if not given.
    callbacks : tuple or list, default ()
        As `fastnet.Trainer.fit` takes them; told of the metrics at the recipe's interval.

    Returns
    -------
    Result
        Accuracies, times, and the trained network.

    Raises
    ------
    TypeError, ValueError
        For a name, data or an argument that cannot be used.
    FloatingPointError
        If training diverges, which none of the recipes does on MNIST.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from fastnet.datasets import load_digits
    >>> recipe = replace(find_recipe("kaggle-relu-fast"), steps=40)
    >>> result = run_recipe(recipe, load_digits(), backend="numpy")
    >>> [epoch.step for epoch in result.history.epochs], sorted(result.accuracies)
    ([10, 20, 30, 40], ['dev', 'train'])
    """
    recipe = find_recipe(recipe).chosen(better)
    training_checks.whole("seed", seed, 0)
    parts = prepare(recipe, data, seed)
    settings = recipe.settings(backend, seed, n_threads)
    trainer = make_trainer(recipe, parts["train"][0], data.n_classes, settings)
    watched = list(parts)[1]  # what the notebook holds out, else the test part
    history = trainer.fit(
        *parts["train"], parts[watched], recipe.epochs or 0, callbacks, steps=recipe.steps, every=recipe.every
    )
    return Result(recipe, trainer, history, accuracies(trainer, parts), sum(history.seconds))


def accuracies(trainer: Trainer, parts: dict[str, Part]) -> dict[str, float]:
    """Return the accuracy on every part."""
    return {name: trainer.evaluate(*part).accuracy or 0.0 for name, part in parts.items()}
