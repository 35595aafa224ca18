"""Prepare data as a recipe says, train, and look at the accuracies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastnet.datasets import Dataset, stratified_split
from fastnet.network import Network
from fastnet.recipes.catalog import find_recipe
from fastnet.recipes.recipe import Recipe
from fastnet.training.history import Epoch, History
from fastnet.training.trainer import Trainer
from fastnet.validation import training as training_checks

FRACTION = 0.2
"""Share of the samples that is the test part, where a recipe needs one and the data has none."""

Part = tuple[npt.NDArray[Any], npt.NDArray[np.int32]]


class Look(NamedTuple):
    """Accuracies after some steps or epochs, by part; that of training is a mean over those since the last look."""

    number: int
    accuracies: dict[str, float]


@dataclass(frozen=True, eq=False)
class Result:
    """What came of a recipe.

    Attributes
    ----------
    recipe : Recipe
        The recipe.
    trainer : Trainer
        With the trained network; it predicts.
    history : History
        Figures of the training run; those of validation are of the second part in `accuracies`.
    looks : list of Look
        Accuracies at the notebook's interval.
    accuracies : dict of str to float
        Accuracies in the end, by part: "train", what the notebook holds out, and "test" where there is one.
    seconds : float
        Time of training, without reading, evaluation and compilation.
    """

    recipe: Recipe
    trainer: Trainer
    history: History
    looks: list[Look]
    accuracies: dict[str, float]
    seconds: float


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
    assert recipe.rows is not None
    n_held_out = max(1, round(len(y) * recipe.held_out / recipe.rows))
    if len(y) <= n_held_out:
        raise ValueError(f"{data.name}: {len(y)} samples, too few to hold out {n_held_out}")
    order = np.random.default_rng(seed).permutation(len(y))
    held_out, train = order[:n_held_out], order[n_held_out:]
    return {"train": (X[train], y[train]), recipe.held_out_name: (X[held_out], y[held_out]), **parts}


def make_trainer(
    recipe: Recipe, X: npt.NDArray[Any], n_classes: int, backend: str, seed: int, n_threads: int | None
) -> Trainer:
    """Return the network and what trains it, for samples like `X`."""
    scale = 1.0 / max(int(X.max()), 1) if recipe.scaled and X.dtype == np.uint8 else 1.0
    network = Network(
        (X.shape[1], *recipe.hidden, n_classes), recipe.activation, bias=recipe.bias, init=recipe.init, seed=seed,
        dtype=recipe.dtype, input_scale=scale,
    )  # fmt: skip
    return Trainer(
        network, recipe.optimizer, recipe.loss, recipe.batch_size, backend, n_threads, seed,
        sampling=recipe.sampling, schedule=recipe.schedule, dropout=recipe.dropout,
    )  # fmt: skip


def run_recipe(
    recipe: Recipe | str,
    data: Dataset,
    backend: str = "numba",
    seed: int = 0,
    *,
    better: bool = False,
    n_threads: int | None = None,
    on_look: Callable[[Look], object] | None = None,
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
    better : bool, default False
        Take the better setting.
    n_threads : int, optional
        Threads of the compiled kernels; as many as are available and pay, if not given.
    on_look : callable, optional
        Called with the accuracies that the notebook prints, as they come.

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
    >>> [look.number for look in result.looks], sorted(result.accuracies)
    ([10, 20, 30, 40], ['dev', 'train'])
    """
    recipe = find_recipe(recipe)
    recipe = recipe.improved() if better else recipe
    training_checks.whole("seed", seed, 0)
    parts = prepare(recipe, data, seed)
    trainer = make_trainer(recipe, parts["train"][0], data.n_classes, backend, seed, n_threads)
    looks: list[Look] = []

    def look(seen: Look) -> None:
        looks.append(seen)
        if on_look is not None and is_printed(recipe, seen):
            on_look(seen)

    history = train(recipe, trainer, parts, on_look=look)
    return Result(recipe, trainer, history, looks, accuracies(trainer, parts), sum(history.seconds))


def train(
    recipe: Recipe,
    trainer: Trainer,
    parts: dict[str, Part],
    on_epoch: Callable[[Epoch], object] = lambda epoch: None,
    on_look: Callable[[Look], object] = lambda look: None,
    on_chunk: Callable[[int, int], object] | None = None,
) -> History:
    """Train as long as a recipe says, with a look at the accuracies at its interval."""
    watched = list(parts)[1]  # what the notebook holds out, else the test part

    def look(epoch: Epoch) -> None:
        assert epoch.accuracy is not None
        assert epoch.validation is not None
        assert epoch.validation.accuracy is not None
        on_epoch(epoch)
        number = epoch.step if recipe.steps is not None else epoch.number
        on_look(Look(number, {"train": epoch.accuracy, watched: epoch.validation.accuracy}))

    return trainer.fit(
        *parts["train"], parts[watched], recipe.epochs or 0, look, on_chunk, steps=recipe.steps, every=recipe.every
    )


def is_printed(recipe: Recipe, look: Look) -> bool:
    """Whether the notebook prints a look, or only keeps it."""
    return look.number % recipe.print_every == 0


def accuracies(trainer: Trainer, parts: dict[str, Part]) -> dict[str, float]:
    """Return the accuracy on every part."""
    return {name: trainer.evaluate(*part).accuracy or 0.0 for name, part in parts.items()}
