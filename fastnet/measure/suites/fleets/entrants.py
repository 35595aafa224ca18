"""Who takes part: what trains many networks, or fits many estimators, once each time it is called."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from fastnet import Fleet, MLPClassifier, MLPEnsembleClassifier, Trainer
from fastnet.datasets import load_digits
from fastnet.measure.peers import many
from fastnet.measure.suites.fleets.work import ManyNetworks

Prepare = Callable[[Any, int], Callable[[], object]]
"""Takes what is to be done and the number of threads, and returns what does it."""


class Entrant(NamedTuple):
    """Somebody who does the work: the name, the library without which it is left out, and what prepares it."""

    label: str
    peer: str
    prepare: Prepare

    def missing(self) -> str | None:
        """Return why it cannot take part, or None."""
        module = {"fastnet": "fastnet", "sklearn": "sklearn", "torch": "torch", "jax": "jax"}[self.peer]
        return None if importlib.util.find_spec(module) else f"{self.label}: {module} is not installed"


def fleet(work: ManyNetworks, n_threads: int) -> Callable[[], object]:
    """Prepare a fleet; its data are checked and converted each time."""
    (X, y), rows = work.data(), list(work.rows()) if work.own_order else None

    def train() -> object:
        seeds = range(work.count) if work.own_order else 0
        one = Fleet(work.networks(), work.steps(), work.loss, work.batch, n_threads=n_threads, seeds=seeds)
        return one.fit(X, y, rows, epochs=work.epochs)

    return train


def loop(work: ManyNetworks, n_threads: int) -> Callable[[], object]:
    """Prepare trainings one after the other, of data that are checked and converted once."""
    X, y = work.data()
    rows = work.rows() if work.own_order else None

    def train() -> object:
        found: list[Any] = []
        data = None
        for i, network in enumerate(work.networks()):
            one = Trainer(
                network, work.steps(), work.loss, work.batch, n_threads=n_threads, seed=i if work.own_order else 0
            )
            data = one.prepare(X, y) if data is None else data
            found.append(one.fit(data if rows is None else data.of_rows(rows[i]), epochs=work.epochs))
        return found

    return train


def loop_of_one_thread(work: ManyNetworks, n_threads: int) -> Callable[[], object]:
    """Prepare trainings one after the other by one thread."""
    return loop(work, 1)


class Digits(NamedTuple):
    """Fits of the default classifier on the digits: so many networks, of so many epochs each."""

    name: str
    epochs: int

    def settings(self) -> dict[str, Any]:
        """Return what is set: no fit ends early."""
        return {"max_iter": self.epochs, "tol": 0.0, "n_iter_no_change": self.epochs}


def ensemble(work: Digits, n_threads: int) -> Callable[[], object]:
    """Prepare an ensemble of 16."""
    X, y = _digits()
    model = MLPEnsembleClassifier(16, bootstrap=True, random_state=0, n_threads=n_threads, **work.settings())
    return partial(model.fit, X, y)


def bagging(work: Digits, n_threads: int) -> Callable[[], object]:
    """Prepare scikit-learn's bagging of 16 of its networks, in processes."""
    from sklearn.ensemble import BaggingClassifier

    model = BaggingClassifier(_theirs(work), 16, n_jobs=n_threads, random_state=0)
    return partial(model.fit, *_digits())


def search(work: Digits, n_threads: int) -> Callable[[], object]:
    """Prepare a grid search over fastnet's classifier, on threads of joblib."""
    from joblib import parallel_config

    model = _search(MLPClassifier(random_state=0, **work.settings()), n_threads)

    def fit() -> object:
        with parallel_config("threading"):
            return model.fit(*_digits())

    return fit


def search_of_processes(work: Digits, n_threads: int) -> Callable[[], object]:
    """Prepare the same search over scikit-learn's classifier, in processes."""
    return partial(_search(_theirs(work).set_params(random_state=0), n_threads).fit, *_digits())


def _search(model: Any, n_threads: int) -> Any:
    """Return a search of 24 fits, and none of the best at the end."""
    from sklearn.model_selection import GridSearchCV

    grid = {"alpha": [1e-5, 1e-4, 1e-3, 1e-2], "learning_rate_init": [1e-3, 1e-2]}
    return GridSearchCV(model, grid, cv=3, n_jobs=n_threads, refit=False)


def _theirs(work: Digits) -> Any:
    # by the name that patch_sklearn leaves alone
    from sklearn.neural_network._multilayer_perceptron import MLPClassifier as Theirs

    return Theirs(**work.settings())


def _digits() -> tuple[Any, Any]:
    """Return the digits in float32, as both compute them then."""
    digits = load_digits()
    return (digits.X / 16).astype("float32"), digits.y


LOOP = Entrant("loop", "fastnet", loop)
ONE_THREAD = Entrant("loop of one thread", "fastnet", loop_of_one_thread)
TORCH_LOOP = Entrant("PyTorch, loop", "torch", many.torch_loop)
TORCH_VMAP = Entrant("PyTorch, vmap", "torch", many.torch_vmap)
JAX_VMAP = Entrant("JAX, vmap", "jax", many.jax_vmap)
BAGGING = Entrant("BaggingClassifier, processes", "sklearn", bagging)
SEARCH = Entrant("scikit-learn's networks, processes", "sklearn", search_of_processes)
