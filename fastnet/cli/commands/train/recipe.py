"""`fastnet train --recipe`: a recipe, changed where options say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fastnet.cli.commands.train.job import Job, run_job
from fastnet.cli.commands.train.run import Run
from fastnet.cli.commands.train.settings import RATES, hidden_sizes, make_optimizer, samples_per_step
from fastnet.cli.data import check_ranges, load_data
from fastnet.cli.output import percent, rate
from fastnet.cli.progress import Lines, number_of
from fastnet.datasets import Dataset
from fastnet.inference import loss_name
from fastnet.models import Model
from fastnet.optimizers import Optimizer
from fastnet.recipes import Recipe, find_recipe, prepare
from fastnet.recipes.recipe import AS_WRITTEN, BETTER
from fastnet.recipes.run import Part, accuracies, held_out, make_trainer
from fastnet.training.history import Epoch

APART = (
    "context", "recipe", "better", "data", "label", "cache_data", "seed", "backend", "threads", "out", "json", "report",
    "quiet",
)  # fmt: skip
"""Parameters of the command that are no settings of training."""

SWITCHES = {AS_WRITTEN: "--as-written", BETTER: "--better"}
"""What asks for a setting of a recipe."""


@dataclass(kw_only=True)
class RecipeJob(Job):
    """A run as a recipe says, but for the options that changed it."""

    recipe: Recipe
    data: Dataset
    parts: Mapping[str, Part]
    changed: tuple[str, ...] = ()
    reached: Mapping[str, float] = field(default_factory=dict)

    def head(self) -> dict[str, str]:
        """Return what is said before training."""
        recipe, data, network = self.recipe, self.data, self.trainer.network
        samples = " + ".join(f"{len(y):,} {part}" for part, (_, y) in self.parts.items())
        features = f"{data.X.shape[1]:,} {data.X.dtype} features, {data.n_classes:,} classes"
        shape, said = "-".join(map(str, network.sizes)), recipe.explain()
        parameters = f"{network.n_parameters:,} {network.dtype} parameters"
        others = {name: f"{said[name]}; asked for with {switch}" for name, switch in SWITCHES.items() if name in said}
        return {
            "recipe": said["recipe"],
            "setting": said["setting"] + self._changes(),
            **others,
            "data": f"{data.name}: {samples} samples, {features}",
            "network": f"{shape} {recipe.activation}, {parameters}; {self.machine()}",
            "training": said["training"],
        }

    def progress(self) -> Lines:
        """Return lines of accuracies, where the notebook prints them."""
        if self.options.quiet:
            return Lines(self.plan, lambda epoch: "")
        recipe, plan, watched = self.recipe, self.plan, list(self.parts)[1]

        def text(epoch: Epoch) -> str:
            if number_of(plan, epoch)[1] % recipe.print_every:
                return ""
            assert epoch.validation is not None
            shares = {"train": epoch.accuracy, watched: epoch.validation.accuracy}
            return "  ".join(f"{part} accuracy {percent(share)}" for part, share in shares.items())

        return Lines(plan, text)

    def keep(self, run: Run, is_last: bool) -> None:
        """Keep nothing: a recipe's run is short."""

    def document(self, run: Run) -> dict[str, Any]:
        """Return the recipe, settings, data, history and accuracies."""
        recipe, data, network = self.recipe, self.data, self.trainer.network
        self.reached = accuracies(self.trainer, dict(self.parts))
        settings = {
            "sizes": network.sizes,
            "input_scale": network.input_scale,
            "parameters": network.n_parameters,
            "seed": self.trainer.settings.seed,
            "backend": self.trainer.backend,
            "threads": self.trainer.n_threads,
        }
        samples = {part: len(y) for part, (_, y) in self.parts.items()}
        about = {"name": data.name, "samples": samples, "features": data.X.shape[1], "classes": data.n_classes}
        head = {"recipe": recipe.as_json(), "changed": self.changed, "settings": settings, "data": about}
        return {**head, **run.as_json(), "accuracies": self.reached, "model": str(self.options.out)}

    def model(self, run: Run, document: dict[str, Any], history: dict[str, Any]) -> Model:
        """Return what is saved, with the accuracies and the history."""
        recipe, data = self.recipe, self.data
        metrics = {f"{part}_accuracy": share for part, share in document["accuracies"].items()}
        assert data.y is not None
        seed = document["settings"]["seed"]
        kept = {
            "recipe": recipe.name,
            "setting": recipe.setting + self._changes(),
            "training": recipe.explain()["training"],
            "seed": seed,
            "trained_on": held_out(recipe, data, seed).noted(data.X, data.y),
        }
        return Model(
            self.trainer.network, loss_name(self.trainer.loss), data.image_shape, metrics, data.label_names,
            settings={**kept, "history": history}, feature_names=data.feature_names, label_name=data.label_name,
        )  # fmt: skip

    def tail(self, run: Run) -> dict[str, str]:
        """Return what is said in the end."""
        speed, times = run.samples_per_second, self.times(sum(epoch.seconds for epoch in run.epochs), run)
        return {
            "accuracy": ", ".join(f"{part} {percent(share)}" for part, share in self.reached.items()),
            "reported": self.recipe.reported,
            "speed": times if speed is None else f"{rate(speed)}; {times}",
            "saved": self.saved(),
        }

    def _changes(self) -> str:
        """Return what to add to the name of a setting that options changed."""
        return f", changed by {', '.join(map(_option, self.changed))}" if self.changed else ""


def changed_recipe(options: Any, given: Mapping[str, Any]) -> Recipe:
    """Return the recipe that is asked for, but for options that were given; those that it cannot follow are refused."""
    changes = {option: value for option, value in given.items() if option not in APART}
    return _changed(find_recipe(options.recipe).chosen(options.better), changes)


def run_recipe(recipe: Recipe, options: Any, given: Mapping[str, Any]) -> int:
    """Train as a recipe says, and as options that were given have changed it."""
    data = load_data(options)
    check_ranges(data, recipe.dtype, options.data)
    parts = prepare(recipe, data, options.seed)
    how = recipe.settings(str(options.backend), options.seed, options.threads)
    trainer, watched = make_trainer(recipe, parts["train"][0], data.n_classes, how), parts[list(parts)[1]]
    length = {"epochs": recipe.epochs or 0, "steps": recipe.steps, "every": recipe.every}
    job = RecipeJob(
        options, trainer, parts["train"], watched, watched, length,
        recipe=recipe, data=data, parts=parts, changed=tuple(option for option in given if option not in APART),
    )  # fmt: skip
    return run_job(job, data.feature_names)


def _changed(recipe: Recipe, given: dict[str, Any]) -> Recipe:
    changes: dict[str, Any] = {}
    rest = dict(given)
    for option in ("activation", "init", "dtype"):
        if option in rest:
            changes[option] = str(rest.pop(option))
    if "hidden" in rest:
        changes["hidden"] = tuple(hidden_sizes(rest.pop("hidden")))
    if "batch_size" in rest:
        changes["batch_size"] = samples_per_step(rest.pop("batch_size"))
    if "epochs" in rest:
        changes |= {"epochs": rest.pop("epochs"), "steps": None, "every": 1, "print_every": 1}
    rates = {option: rest.pop(option, None) for option in RATES}
    name = rest.pop("optimizer", None)
    if rest:
        raise ValueError(f"{_option(next(iter(rest)))} does not fit --recipe {recipe.name}, which says how to train")
    changes["optimizer"] = _adjusted(recipe, rates) if name is None else make_optimizer(str(name), rates)
    return replace(recipe, **changes)


def _adjusted(recipe: Recipe, rates: dict[str, float | None]) -> Optimizer:
    given = {name: value for name, value in rates.items() if value is not None}
    for name in given:
        if not hasattr(recipe.optimizer, name):
            raise ValueError(f"{_option(name)} does not fit the optimizer of {recipe.name}, {recipe.optimizer}")
    return replace(recipe.optimizer, **given)


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
