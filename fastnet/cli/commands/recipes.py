"""`fastnet recipes`: what there is, in full, and all of it in one table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fastnet.cli import options
from fastnet.cli.options import optional

if TYPE_CHECKING:
    from fastnet.recipes import Recipe

EXAMPLES = """\b
Examples:
  fastnet recipes
  fastnet recipes kaggle-relu
  fastnet train --recipe kaggle-relu train.csv
  fastnet recipes --run mnist/ --results r.json --markdown recipes.md
"""

Name = Annotated[str | None, typer.Argument(metavar="NAME", help="Explain this recipe.", show_default=False)]
Run = Annotated[Path | None, optional("DATA", "Run the recipes on this data, with both backends.")]
Names = Annotated[str | None, optional("NAMES", "Recipes to run, separated by commas.  [default: all]")]
Backends = Annotated[str | None, optional("NAMES", "Backends to run with, numpy or numba.  [default: both]")]
Seeds = Annotated[int | None, optional("N", "Runs of each recipe, with different seeds.  [default: 1]", min=1)]
Results = Annotated[
    Path | None,
    optional("FILE", "Save results to this JSON file as they come; what it already holds is not run again."),
]


def recipes(
    name: Name = None, run: Run = None, names: Names = None, backends: Backends = None, seeds: Seeds = None,
    label: options.Label = None, threads: options.Threads = None, results: Results = None,
    markdown: options.MarkdownFile = None, json: options.Json = False,
) -> int:  # fmt: skip
    """List the recipes, explain one, or run them all and compare.

    A recipe is the method of a public notebook, by name; fastnet train --recipe NAME trains by one. With --results and
    without --run, show saved results.
    """
    if run is None:
        given = {"--names": names, "--backends": backends, "--seeds": seeds, "--label": label, "--threads": threads}
        for option, value in given.items():
            if value is not None:
                raise ValueError(f"{option} needs --run DATA")
    if run is None and results is None:
        if markdown is not None:
            raise ValueError("--markdown needs --run DATA, or --results of what was run")
        return _show(name, json)
    if name is not None:
        raise ValueError(f"NAME: {name!r} cannot be explained beside results; --names {name} runs it")
    return _table(run, names, backends, seeds or 1, label, threads, results, markdown, json)


def _show(name: str | None, json: bool) -> int:
    from fastnet.cli.errors import as_typed
    from fastnet.cli.output import answer, print_rows
    from fastnet.recipes import RECIPES, find_recipe

    if name is not None:
        with as_typed({"recipe": "NAME"}):
            recipe = find_recipe(name)
        return answer(recipe.as_json(), json, lambda _: print_rows(recipe.explain()))
    return answer({"recipes": [recipe.as_json() for recipe in RECIPES.values()]}, json, _print_all)


def _print_all(_: dict[str, Any]) -> None:
    from fastnet.cli.output import print_rows
    from fastnet.recipes import RECIPES

    print_rows({recipe.name: _line(recipe) for recipe in RECIPES.values()})
    print('\n"fastnet recipes NAME" explains one, "fastnet train --recipe NAME DATA" runs it.')


def _line(recipe: Recipe) -> str:
    return f"{recipe.network()} {recipe.activation}: {recipe.title}; reported: {recipe.reported}"


def _table(
    run: Path | None, names: str | None, backends: str | None, seeds: int, label: str | None, threads: int | None,
    results: Path | None, markdown: Path | None, json: bool,
) -> int:  # fmt: skip
    from fastnet.cli.output import answer, check_writable
    from fastnet.measure.results import load
    from fastnet.measure.suites import recipes as bench

    for option, path in (("--results", results), ("--markdown", markdown)):
        check_writable(path, None, run, option)
    if run is None:
        assert results is not None
        document = load(results)
        if document["settings"].get("command") != "recipes":
            raise ValueError(f"--results {results}: holds no results of recipes")
    else:
        document = _measured(
            run,
            _chosen(names),
            options.names_in("--backends", backends, ("numpy", "numba")),
            seeds,
            label,
            threads,
            results,
        )
    if markdown is not None:
        bench.write_markdown(document, markdown)
    return answer(document, json, lambda found: print(bench.as_text(found)))


def _measured(
    run: Path, names: list[str], backends: list[str], seeds: int, label: str | None, threads: int | None,
    results: Path | None,
) -> dict[str, Any]:  # fmt: skip
    from fastnet.cli.data import load as load_data
    from fastnet.cli.progress import steps
    from fastnet.measure.environment import environment
    from fastnet.measure.results import load, new_document, save
    from fastnet.measure.suites import recipes as bench

    data = load_data(run, label)
    facts = environment(threads)
    document = new_document(facts, bench.settings_of(data))
    if results is not None and results.exists():
        document = load(results)
        bench.check_same(document, facts, data)
    with steps(None, "running") as step:
        bench.measure(
            document, data, names, backends, seeds, threads, step,
            (lambda: None) if results is None else (lambda: save(document, results)),
        )  # fmt: skip
    return document


def _chosen(names: str | None) -> list[str]:
    from fastnet.cli.errors import as_typed
    from fastnet.recipes import RECIPES, find_recipe

    with as_typed({"recipe": "--names"}):
        return list(RECIPES) if names is None else [find_recipe(name.strip()).name for name in names.split(",")]
