"""Every recipe with both backends, several seeds, in one table; results are kept as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from fastnet.datasets import Dataset
from fastnet.measure.results import write_text
from fastnet.measure.tables import duration, environment_lines, markdown_table, text_table
from fastnet.recipes import RECIPES, Recipe, run_recipe
from fastnet.recipes.recipe import BETTER

Row = dict[str, Any]

METHOD = """\
Recipes run from the same seeds by the NumPy reference and by the compiled kernels, in float32 and with as many threads
as each of them takes. Accuracies are those of the network at the end: the only one, or the lowest, the median and the
highest over the seeds. Seconds are those of training in the fastest run, which other programs disturbed least, without
reading, evaluation and compilation.

A line is named as `fastnet train --recipe` takes it. By its name alone a recipe runs in the setting that reaches what
the notebook reports with every seed that was tried: the notebook's method, its faults mended, where that gets there,
and otherwise a better setting of the same network, of as many steps. The other setting stands below: `--as-written` is
the method itself, `--better` the better setting. "Reached" counts the runs, of both backends, that come to every
accuracy which is reported."""

STAND_IN = """\
Where a notebook reads Kaggle's 42,000 rows and data has none of them, the first 42,000 training samples stand in,
shuffled, 1,000 of them as dev set."""

TAKE_PART = ("fastnet", "python", "numpy", "numba", "llvmlite")
"""What runs a recipe."""

HEADING = (
    "recipe", "network", "notebook", "reached", "numpy", "seconds", "numba", "seconds", "times as fast", "seeds"
)  # fmt: skip


def settings_of(data: Dataset) -> dict[str, Any]:
    """Say what the results of a file are of."""
    return {
        "command": "recipes",
        "data": data.name,
        "samples": len(data.X),
        "test_samples": 0 if data.X_test is None else len(data.X_test),
        "features": data.X.shape[1],
    }


def check_same(document: dict[str, Any], environment: dict[str, Any], data: Dataset) -> None:
    """Refuse to add results to those of another machine, of other versions or of other data.

    Raises
    ------
    ValueError
        With what differs.
    """
    then, now = _computing(document["environment"]), _computing(environment)
    for what in now:
        if then[what] != now[what]:
            raise ValueError(f"the results kept are of other {what}: {then[what]}, not {now[what]}")
    if document["settings"] != settings_of(data):
        raise ValueError(f"the results kept are of other data: {document['settings']}, not {settings_of(data)}")


def _computing(environment: dict[str, Any]) -> dict[str, Any]:
    """Return the part of an environment that results depend on: libraries that take no part may differ."""
    versions = environment.get("versions") or {}
    same = {what: environment.get(what) for what in ("cpu", "cores", "threads")}
    return {**same, "versions": {name: versions.get(name) for name in TAKE_PART}}


def measure(
    document: dict[str, Any],
    data: Dataset,
    names: Sequence[str] = tuple(RECIPES),
    backends: Sequence[str] = ("numpy", "numba"),
    seeds: int = 1,
    n_threads: int | None = None,
    progress: Callable[[str], object] = lambda text: None,
    keep: Callable[[], object] = lambda: None,
) -> None:
    """Run recipes and add what comes out to a document of `fastnet.measure.results`.

    Parameters
    ----------
    document : dict
        Whose section "recipes" may hold results already; what is there of the same settings is not run again.
    data : Dataset
        What to train on.
    names, backends : sequence of str
        What to run.
    seeds : int
        Seeds 0, 1, ... of each.
    n_threads : int, optional
        Threads of the compiled kernels.
    progress : callable
        Called with a line of text before each run.
    keep : callable
        Called after each run, to save the document.
    """
    rows: list[Row] = document["recipes"]
    rows[:] = [row for row in rows if _is_current(row)]
    done = {_key(row) for row in rows}
    for seed in range(seeds):
        for name in names:
            for better, recipe in _settings(RECIPES[name]):
                for backend in backends:
                    if (name, better, backend, seed) in done:
                        continue
                    progress(f"{_called(name, better)}, {backend}, seed {seed}")
                    rows.append(_run(recipe, better, data, backend, seed, n_threads))
                    keep()


def _settings(recipe: Recipe) -> Iterator[tuple[bool, Recipe]]:
    """Yield what runs by name, then the other setting; each with whether it is the better of two."""
    yield recipe.setting == BETTER, recipe
    if recipe.other:
        better = recipe.setting != BETTER
        yield better, recipe.chosen(better)


def _called(name: str, better: bool) -> str:
    """Return what `fastnet train --recipe` takes for a setting."""
    if (RECIPES[name].setting == BETTER) == better:
        return name
    return f"{name} --better" if better else f"{name} --as-written"


def _key(row: Row) -> tuple[str, bool, str, int]:
    return row["recipe"], row["better"], row["backend"], row["seed"]


def _is_current(row: Row) -> bool:
    """Whether a result is of what its recipe says today."""
    recipes = dict(_settings(RECIPES[row["recipe"]])) if row["recipe"] in RECIPES else {}
    return row["better"] in recipes and row["setting"] == _setting(recipes[row["better"]])


def _setting(recipe: Recipe) -> str:
    said = recipe.explain()
    return "; ".join(said[part] for part in ("network", "data", "training"))


def _run(recipe: Recipe, better: bool, data: Dataset, backend: str, seed: int, n_threads: int | None) -> Row:
    result = run_recipe(recipe, data, backend, seed, n_threads=n_threads if backend == "numba" else None)
    return {
        "recipe": recipe.name,
        "better": better,
        "backend": backend,
        "seed": seed,
        "setting": _setting(recipe),
        "network": recipe.network(data.X.shape[1], data.n_classes),
        "accuracies": result.accuracies,
        "seconds": result.seconds,
        "compile_seconds": result.history.compile_seconds,
    }


def table_rows(rows: Sequence[Row]) -> list[list[str]]:
    """Return the lines of the table, recipes in their order, the other setting after the one that runs by name."""
    lines = []
    for name, recipe in RECIPES.items():
        for better, _ in _settings(recipe):
            mine = [row for row in rows if (row["recipe"], row["better"]) == (name, better)]
            if mine:
                head = [_called(name, better), mine[0]["network"], recipe.reported, _reached(recipe, mine)]
                lines.append(head + _cells(mine))
    return lines


def _reached(recipe: Recipe, rows: Sequence[Row]) -> str:
    """Count the runs that reach every accuracy that is reported."""
    if not recipe.reported_metrics:
        return "-"
    count = sum(
        all(row["accuracies"][part] >= share for part, share in recipe.reported_metrics.items()) for row in rows
    )
    return f"{count} of {len(rows)}"


def _cells(rows: Sequence[Row]) -> list[str]:
    """Return what both backends made of a setting, how much faster the kernels were, and of how many seeds."""
    runs = [[row for row in rows if row["backend"] == backend] for backend in ("numpy", "numba")]
    seconds = [min(row["seconds"] for row in mine) if mine else 0.0 for mine in runs]
    shown = [
        cell
        for mine, fastest in zip(runs, seconds, strict=True)
        for cell in ([_accuracies(mine), duration(fastest)] if mine else ["not run", "-"])
    ]
    ratio = f"{seconds[0] / seconds[1]:.1f}" if all(runs) else "-"
    counts = dict.fromkeys(str(len(mine)) for mine in runs if mine)
    return [*shown, ratio, " and ".join(counts)]


def _accuracies(rows: Sequence[Row]) -> str:
    parts = []
    for part in rows[0]["accuracies"]:
        shares = [100 * row["accuracies"][part] for row in rows]
        marks = (min(shares), median(shares), max(shares)) if len(shares) > 1 else shares
        parts.append(f"{part} {' / '.join(f'{share:.2f}' for share in marks)} %")
    return ", ".join(parts)


def as_text(document: dict[str, Any]) -> str:
    """Write the table for a terminal."""
    return text_table(HEADING, table_rows(document["recipes"]))


def as_markdown(document: dict[str, Any]) -> str:
    """Write the page: the table, what it was measured on, and every recipe in full."""
    settings, rows = document["settings"], document["recipes"]
    test = f" and {settings['test_samples']:,} test samples" if settings["test_samples"] else ""
    lines = [
        "# Recipes",
        "Written by `fastnet recipes --markdown` from its saved results; not edited by hand.",
        "\n".join(f"- {line}" for line in environment_lines(document["environment"])),
        f"Data: {settings['data']}, {settings['samples']:,} training samples{test} of {settings['features']} features.",
        METHOD,
        STAND_IN,
        markdown_table(HEADING, table_rows(rows)),
        f"The kernels were compiled, or read from their cache, in at most {_longest_compilation(rows)}, once.",
    ]
    for recipe in RECIPES.values():
        said = [f"- {heading}: {text}" for heading, text in recipe.explain().items() if heading != "recipe"]
        lines += [f"## {recipe.name}", f"{recipe.title[:1].upper()}{recipe.title[1:]}.", "\n".join(said)]
    return "\n\n".join(lines) + "\n"


def _longest_compilation(rows: Sequence[Row]) -> str:
    return duration(max((row["compile_seconds"] for row in rows if row["backend"] == "numba"), default=0.0))


def write_markdown(document: dict[str, Any], path: Path) -> None:
    """Write the page, whole or not at all."""
    write_text(path, as_markdown(document))
