"""What a recipe is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fastnet.inference import Loss, loss_name
from fastnet.optimizers import Optimizer
from fastnet.training.settings import TrainingSettings

AS_WRITTEN, BETTER, OWN = "as written", "better", "fastnet's own"
"""Settings: a notebook's method with its faults mended, a better one of the same network, one that no notebook has."""

WORDS = {
    "cross_entropy": "softmax, cross-entropy",
    "softmax_squared_error": "softmax, squared error",
}


@dataclass(frozen=True)
class Recipe:
    """A network, how it is trained, on what, and what comes out.

    It is one setting, and knows in what the other differs from it, if there is another: a notebook's method as written,
    and a better one of the same network. `dataclasses.replace` makes a variant of either, say with fewer steps.

    Attributes
    ----------
    name, title : str
        What it is called, and what it is, in one line.
    hidden : tuple of int
        Sizes of the hidden layers; data says how many features and classes there are.
    activation, init, bias
        As `fastnet.Network` takes them.
    loss, optimizer, batch_size, sampling, schedule, dropout
        As `fastnet.Trainer` takes them.
    dtype : str
        Precision of parameters and arithmetic. NumPy's default in the notebooks is float64, twice the work.
    steps, epochs : int or None
        How long to train; one of them is None.
    every : int
        Steps or epochs between which accuracies are taken.
    print_every : int
        Steps or epochs between which they are printed, a multiple of `every`.
    scaled : bool
        Whether integers are divided by the largest of them: pixels by 255.
    rows : int or None
        How many samples of the training part are used, the first ones; all if None.
    held_out : int
        How many of those are drawn at random and held out; of fewer rows the same share.
    held_out_name : str
        What the notebook calls them: "dev" or "validation".
    reported : str
        Accuracies that the notebook's author reports, in words.
    reported_metrics : mapping of str to float
        The same by part, where there are any.
    mended : tuple of str
        Faults of the notebook that are not copied.
    remark : str
        What mending them changes, or how settings were chosen.
    setting : {"as written", "better", "fastnet's own"}
        Which setting this is.
    other : mapping of str to Any
        Attributes of the other setting that differ; empty if there is none.
    better_why : str
        What the better setting does, in words.

    Examples
    --------
    >>> from fastnet.recipes import RECIPES
    >>> recipe = RECIPES["sigmoid-72-36"]
    >>> recipe.network(), recipe.activation, recipe.reported_metrics
    ('784-72-36-10', 'sigmoid', {'train': 0.929, 'test': 0.911})
    >>> recipe.setting, recipe.scaled, recipe.as_written().scaled
    ('better', True, False)
    """

    name: str
    title: str
    hidden: tuple[int, ...]
    activation: str
    init: str
    optimizer: Optimizer
    loss: Loss = "cross_entropy"
    bias: bool = True
    batch_size: int | None = None
    sampling: str = "shuffle"
    schedule: str = "constant"
    dropout: float = 0.0
    dtype: str = "float32"
    steps: int | None = None
    epochs: int | None = None
    every: int = 1
    print_every: int = 1
    scaled: bool = True
    rows: int | None = None
    held_out: int = 0
    held_out_name: str = "dev"
    reported: str = "none"
    reported_metrics: Mapping[str, float] = field(default_factory=dict)
    mended: tuple[str, ...] = ()
    remark: str = ""
    setting: str = AS_WRITTEN
    other: Mapping[str, Any] = field(default_factory=dict)
    better_why: str = ""

    def network(self, n_features: int = 784, n_classes: int = 10) -> str:
        """Return the sizes of all layers as text, those of MNIST unless told otherwise."""
        return "-".join(map(str, (n_features, *self.hidden, n_classes)))

    def settings(
        self, backend: str = "numba", seed: int | None = None, n_threads: int | None = None
    ) -> TrainingSettings:
        """Return how it trains.

        Examples
        --------
        >>> from fastnet.recipes import RECIPES
        >>> RECIPES["best"].settings(seed=0).dropout
        0.4
        """
        return TrainingSettings(
            self.optimizer, self.loss, self.batch_size, backend, n_threads, seed,
            dropout=self.dropout, sampling=self.sampling, schedule=self.schedule,
        )  # fmt: skip

    def improved(self) -> Recipe:
        """Return the better setting.

        Raises
        ------
        ValueError
            If there is one setting only.
        """
        return self._in_setting(BETTER)

    def as_written(self) -> Recipe:
        """Return the notebook's method, its faults mended.

        Raises
        ------
        ValueError
            If no notebook has it: the recipe is fastnet's own.
        """
        return self._in_setting(AS_WRITTEN)

    def chosen(self, better: bool | None) -> Recipe:
        """Return the better setting, or the one as written, or this one if neither is asked for."""
        return self if better is None else self.improved() if better else self.as_written()

    def _in_setting(self, setting: str) -> Recipe:
        if self.setting == setting:
            return self
        if not self.other:
            raise ValueError(f"{self.name}: has one setting only, {self.setting}, and none {setting}")
        here = {name: getattr(self, name) for name in self.other}
        return replace(self, **self.other, setting=setting, other=here)

    def explain(self) -> dict[str, str]:
        """Say everything there is to say, by heading.

        Examples
        --------
        >>> from fastnet.recipes import RECIPES
        >>> RECIPES["kaggle-relu"].explain()["training"]
        'all samples in every step, sgd with lr 0.1, 500 steps; accuracies every 10'
        """
        lines = {
            "recipe": f"{self.name}: {self.title}",
            "network": self._network_line(),
            "data": self._data_line(),
            "training": self._training_line(),
            "setting": self._setting_line(),
            "reported": self.reported,
        }
        if self.mended:
            lines["mended"] = "; ".join(self.mended)
        if self.remark:
            lines["remark"] = self.remark
        if self.other:
            written = self.setting == AS_WRITTEN
            differs = ", ".join(f"{name} {_said(value)}" for name, value in self.other.items())
            lines[BETTER if written else AS_WRITTEN] = f"{self.better_why} ({differs})" if written else differs
        return lines

    def as_json(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        everything = {**vars(self), "network": self.network(), "optimizer": _optimizer(self.optimizer)}
        other = dict(self.other)
        if "optimizer" in other:
            other["optimizer"] = _optimizer(other["optimizer"])
        return {**everything, "reported_metrics": dict(self.reported_metrics), "other": other}

    def _network_line(self) -> str:
        bias = "" if self.bias else ", no biases"
        output = WORDS[loss_name(self.loss)]
        smoothing = "" if isinstance(self.loss, str) else f" with label smoothing {self.loss[1]:g}"
        return f"{self.network()}, {self.activation}; {output}{smoothing}; weights {self.init}{bias}"

    def _data_line(self) -> str:
        rows = "all training samples" if self.rows is None else f"the first {self.rows:,} training samples"
        held_out = f", {self.held_out:,} of them drawn as {self.held_out_name} set" if self.held_out else ""
        scale = "integers divided by the largest (pixels by 255)" if self.scaled else "values as they are"
        return f"{rows}{held_out}; {scale}"

    def _setting_line(self) -> str:
        if self.setting == AS_WRITTEN:
            return f"{AS_WRITTEN}: the notebook's method, its faults mended"
        return f"{self.setting}: {self.better_why}" if self.better_why else self.setting

    def _training_line(self) -> str:
        batch = "all samples in every step" if self.batch_size is None else f"batches of {self.batch_size}"
        drawn = " drawn with replacement" if self.sampling == "replacement" else ""
        length = f"{self.steps:,} steps" if self.steps is not None else f"{self.epochs} epochs"
        extras = "" if self.schedule == "constant" else f", {self.schedule} schedule"
        extras += f", dropout {self.dropout:g}" if self.dropout else ""
        taken = f"accuracies every {self.every}"
        taken += f", printed every {self.print_every}" if self.print_every != self.every else ""
        return f"{batch}{drawn}, {_said(self.optimizer)}{extras}, {length}; {taken}"


def _optimizer(optimizer: Optimizer) -> dict[str, Any]:
    return {"name": type(optimizer).__name__.lower(), **vars(optimizer)}


def _said(value: Any) -> str:
    if not isinstance(value, Optimizer):
        return str(value)
    name, settings = type(value).__name__.lower(), vars(value)
    shown = [f"{key} {settings[key]:g}" for key in ("lr", "momentum", "weight_decay") if settings.get(key)]
    return f"{name} with {', '.join(shown)}"
