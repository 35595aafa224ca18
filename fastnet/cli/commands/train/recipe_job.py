"""`fastnet train --recipe`: a recipe, changed where options say so, run and saved."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fastnet import datasets
from fastnet.cli.commands.report import report_training
from fastnet.cli.commands.train.run import Run, Stopped, deferred_interrupt
from fastnet.cli.data import LABEL
from fastnet.cli.output import percent, print_json, print_rows, rate
from fastnet.cli.settings import hidden_sizes, make_optimizer, samples_per_step, threads_used
from fastnet.datasets import Dataset
from fastnet.inspection.documents import columns
from fastnet.models import Model, save_model
from fastnet.optimizers import Optimizer
from fastnet.output.json_values import standard
from fastnet.recipes import Look, Recipe, find_recipe, prepare
from fastnet.recipes.run import Part, accuracies, is_printed, make_trainer, train
from fastnet.training.targets import loss_name
from fastnet.training.trainer import Trainer

APART = (
    "context", "recipe", "better", "data", "label", "cache_data", "seed", "backend", "threads", "out", "json", "report"
)  # fmt: skip
"""Parameters of the command that are no settings of training."""


@dataclass(frozen=True)
class RecipeJob:
    """What is to be run, on what, and where the model goes."""

    recipe: Recipe
    data: Path | None
    label: str | None
    cache: bool
    seed: int
    backend: str
    threads: int | None
    out: Path
    json: bool
    report: Path | None = None

    def run(self) -> int:
        """Read the data, train, save the model and say what came out; return the exit code."""
        data = datasets.load(self.data, label=LABEL if self.label is None else self.label, cache=self.cache)
        parts = prepare(self.recipe, data, self.seed)
        X, _ = parts["train"]
        trainer = make_trainer(self.recipe, X, data.n_classes, self.backend, self.seed, self.threads)
        if not self.json:
            self._print_head(data, parts, trainer)
        run = self._train(trainer, parts)
        reached = accuracies(trainer, parts)
        document = self._document(data, parts, trainer, run, reached)
        model = self._model(trainer, data, reached, document)
        save_model(self.out, model)
        if self.report is not None:
            report_training(self.report, model, *parts[list(parts)[1]], document, data.feature_names)
        if run.interrupted:
            print("fastnet: interrupted; saved what there is", file=sys.stderr)
        if self.json:
            print_json(document)
        else:
            self._print_end(run, reached)
        return 130 if run.interrupted else 0

    def _train(self, trainer: Trainer, parts: dict[str, Part]) -> Run:
        stream = sys.stderr if self.json else sys.stdout
        unit, total = ("step", self.recipe.steps) if self.recipe.steps is not None else ("epoch", self.recipe.epochs)

        def show(look: Look) -> None:
            if is_printed(self.recipe, look):
                figures = "  ".join(f"{part} accuracy {percent(share)}" for part, share in look.accuracies.items())
                print(f"{unit} {look.number:>{len(str(total))}}/{total}  {figures}", file=stream, flush=True)

        watched = list(parts)[1]
        run = Run(trainer.fit(*parts["train"], parts[watched], epochs=0).compile_seconds)
        start = time.perf_counter()
        with deferred_interrupt() as check:
            try:
                train(self.recipe, trainer, parts, run.epochs.append, show, lambda *_: check())
            except Stopped:
                run.interrupted = True
        run.run_seconds = time.perf_counter() - start
        run.test = trainer.evaluate(*parts[watched])
        return run

    def _model(
        self, trainer: Trainer, data: Dataset, reached: dict[str, float], document: dict[str, Any]
    ) -> Model:  # fmt: skip
        metrics = {f"{part}_accuracy": share for part, share in reached.items()}
        settings = {"recipe": self.recipe.name, "training": self.recipe.explain()["training"], "seed": self.seed}
        return Model(
            trainer.network, loss_name(trainer.loss), data.image_shape, metrics, data.label_names,
            settings={**settings, "history": standard(columns(document))},
        )  # fmt: skip

    def _document(
        self, data: Dataset, parts: dict[str, Part], trainer: Trainer, run: Run, reached: dict[str, float]
    ) -> dict[str, Any]:
        settings = {
            "sizes": trainer.network.sizes,
            "input_scale": trainer.network.input_scale,
            "parameters": trainer.network.n_parameters,
            "seed": self.seed,
            "backend": self.backend,
            "threads": self.threads,
        }
        samples = {part: len(y) for part, (_, y) in parts.items()}
        about = {"name": data.name, "samples": samples, "features": data.X.shape[1], "classes": data.n_classes}
        head = {"recipe": self.recipe.as_json(), "settings": settings, "data": about}
        return {**head, **run.as_json(), "accuracies": reached, "model": str(self.out)}

    def _print_head(self, data: Dataset, parts: dict[str, Part], trainer: Trainer) -> None:
        samples = " + ".join(f"{len(y):,} {part}" for part, (_, y) in parts.items())
        features = f"{data.X.shape[1]:,} {data.X.dtype} features, {data.n_classes:,} classes"
        shape = "-".join(map(str, trainer.network.sizes))
        said = self.recipe.explain()
        print_rows(
            {
                "recipe": said["recipe"],
                "data": f"{data.name}: {samples} samples, {features}",
                "network": f"{shape} {self.recipe.activation}, {trainer.network.n_parameters:,} "
                f"{trainer.network.dtype} parameters; {self.backend}, {threads_used(self.backend, self.threads)}",
                "training": said["training"],
            }
        )

    def _print_end(self, run: Run, reached: dict[str, float]) -> None:
        speed = run.samples_per_second
        times = f"trained in {sum(epoch.seconds for epoch in run.epochs):.2f} s"
        if self.backend == "numba":
            times += f", kernels compiled or loaded in {run.compile_seconds:.2f} s"
        print_rows(
            {
                "accuracy": ", ".join(f"{part} {percent(share)}" for part, share in reached.items()),
                "reported": self.recipe.reported,
                "speed": times if speed is None else f"{rate(speed)}; {times}",
                "saved": str(self.out) if self.report is None else f"{self.out}, {self.report}",
            }
        )


def make_recipe_job(
    name: str, better: bool, given: dict[str, Any], data: Path | None, label: str | None, cache: bool, seed: int,
    backend: str, threads: int | None, out: Path, json: bool, report: Path | None,
) -> RecipeJob:  # fmt: skip
    """Find a recipe and let options that were given win; those that it cannot follow are refused."""
    recipe = find_recipe(name)
    recipe = recipe.improved() if better else recipe
    changes = {option: value for option, value in given.items() if option not in APART}
    if data is None and (cache or label is not None):
        option = "--cache-data" if cache else "--label"
        raise ValueError(f"{option} needs DATA: the embedded digits are in no file")
    return RecipeJob(_changed(recipe, changes), data, label, cache, seed, backend, threads, out, json, report)


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
    steps = {option: rest.pop(option, None) for option in ("lr", "momentum", "weight_decay")}
    name = rest.pop("optimizer", None)
    if rest:
        option = "--" + next(iter(rest)).replace("_", "-")
        raise ValueError(f"{option} does not fit --recipe {recipe.name}, which says how to train")
    changes["optimizer"] = _adjusted(recipe, steps) if name is None else make_optimizer(str(name), **steps)
    return replace(recipe, **changes)


def _adjusted(recipe: Recipe, steps: dict[str, float | None]) -> Optimizer:
    given = {name: value for name, value in steps.items() if value is not None}
    for name in given:
        if not hasattr(recipe.optimizer, name):
            option = "--" + name.replace("_", "-")
            raise ValueError(f"{option} does not fit the optimizer of {recipe.name}, {recipe.optimizer}")
    return replace(recipe.optimizer, **given)
