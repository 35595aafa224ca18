"""CONTRIBUTING and the page on the architecture say what the code says: paths, names, rooms, who names an option."""

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from whole.test_house import MODULES, ROOMS, room

from fastnet.training.settings import TrainingSettings

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "fastnet"
GUIDES = ("CONTRIBUTING.md", "docs/architecture.md")

PATH = re.compile(r"`((?:(?:\.ci|benchmarks|docs|examples|fastnet|tests)/[\w./-]+)|[\w-]+\.(?:md|toml))`")
BESIDE = re.compile(r"`([\w.]+)`\s+(?:\(|in\s+)`(fastnet/[\w./]+\.py)`")
"""A name and the file that has it: `name` in `path`, or `name` (`path`)."""

STOP = re.compile(r"^\| \d+ \| `([^`]+)` \| `([^`]+)` \| `([^`]+)` \|", flags=re.MULTILINE)
SECTION = re.compile(r"^## [^\n]*`(\w+)`\n(.*?)(?=^## |\Z)", flags=re.MULTILINE | re.DOTALL)
ITEM = re.compile(r"^\d+\. (.*?)(?=^\d+\. |^\n|\Z)", flags=re.MULTILINE | re.DOTALL)

TRANSLATED_IN = "fastnet/cli/commands/train/settings.py"
HOLDERS = ("chosen", "options", "how", "settings")
"""What is called so on the way has the options as attributes; others may have some of that name: a metric's loss."""


def read(page: str) -> str:
    if not (ROOT / page).exists():
        pytest.skip(f"{page} is not beside these tests")
    return (ROOT / page).read_text("utf-8")


def part(heading: str) -> str:
    """Return what stands under a heading of the page on the architecture."""
    return read(GUIDES[1]).split(f"\n## {heading}\n")[1].split("\n## ")[0]


def parsed(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text("utf-8"))


def definition(path: str, name: str) -> ast.AST | None:
    """Return what defines a name in a file: a class, a function, `Class.method`, or what is assigned to."""
    node: ast.AST = parsed(path)
    for part_of_name in name.split("."):
        found = [
            one
            for one in getattr(node, "body", [])
            if getattr(one, "name", None) == part_of_name
            or part_of_name in [getattr(target, "id", None) for target in getattr(one, "targets", [])]
        ]
        if not found:
            return None
        node = found[0]
    return node


def identifiers(node: ast.AST, holders: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield names, parameters, keywords, attributes and whole texts; attributes of some holders alone, if given."""
    for one in ast.walk(node):
        if isinstance(one, ast.Name):
            yield one.id
        elif isinstance(one, ast.Attribute):
            holder = one.value
            if not holders or getattr(holder, "attr", getattr(holder, "id", None)) in holders:
                yield one.attr
        elif isinstance(one, ast.arg | ast.keyword) and one.arg is not None:
            yield one.arg
        elif isinstance(one, ast.Constant) and isinstance(one.value, str):
            yield one.value


def stops() -> list[tuple[str, str, str]]:
    """Return file, function and name of the option there, from the command to the tile."""
    return STOP.findall(part("An option, from command line to tile"))


def way() -> list[tuple[str, str, str]]:
    """Return the stops between the command and the kernels."""
    return [stop for stop in stops() if not stop[0].startswith("fastnet/kernels/")]


def who_names(option: str) -> set[str]:
    """Return the files with a stop on the way whose code names an option."""
    named = {(path, name): set(identifiers(definition(path, name), HOLDERS)) for path, name, _ in way()}
    return {path for (path, _), names in named.items() if option in names}


@pytest.mark.parametrize("page", GUIDES)
def test_paths_are_there(page):
    paths = PATH.findall(read(page))
    assert len(paths) > 40, "paths are found"
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize(("page", "least"), [(GUIDES[0], 4), (GUIDES[1], 10)])
def test_names_beside_paths_are_defined_there(page, least):
    named = BESIDE.findall(read(page))
    assert len(named) >= least, "names are found"
    assert [(name, path) for name, path in named if definition(path, name) is None] == []


def test_rooms_of_the_page_are_those_of_the_house():
    text = part("The house")
    picture = re.search(r"```text\n(.*?)```", text, flags=re.DOTALL)[1].splitlines()
    drawn = [set(re.findall(r"\w+", line[5:])) for line in picture if line[5:].startswith("|")]
    assert drawn == ROOMS
    rows = re.findall(r"^\| `(\w+)` \|.*\| `fastnet/(\w+)[^`]*` \|$", text, flags=re.MULTILINE)
    listed = [name for name, _ in rows]
    assert sorted(listed) == sorted({room(name) for name in MODULES} - {"", "__main__"})
    floors = {name: floor for floor, names in enumerate(ROOMS) for name in names}
    assert [floors[name] for name in listed] == sorted(floors.values())
    assert [begins for _, begins in rows] == listed, "each row names a file of its room to begin with"


def test_stops_name_the_option_as_the_page_says():
    assert len(stops()) > len(way()) > 5
    for path, name, called in stops():
        node = definition(path, name)
        assert node is not None, f"{name} is not in {path}"
        missing = set(re.findall(r"\w+", called)) - set(identifiers(node))
        assert missing == set(), f"{name} in {path} does not name {called}"


def test_a_stop_is_called_by_one_before_it():
    before: set[str] = set()
    for i, (path, name, _) in enumerate(stops()[: len(way()) + 1]):
        assert i == 0 or name.rpartition(".")[2] in before, f"no stop before names {name}"
        before |= set(identifiers(definition(path, name)))


@pytest.mark.parametrize("option", [field.name for field in fields(TrainingSettings)])
def test_at_most_three_files_name_an_option_before_the_kernels(option):
    """One more does if the command line says it in its own words; validation, which checks it, is not on the way."""
    assert len(who_names(option) - {TRANSLATED_IN}) <= 3
    told = part("An option, from command line to tile").split("translates them:")[1].partition(".")[0]
    assert (TRANSLATED_IN in who_names(option)) == (f"`{option}`" in told)


def test_the_option_of_the_walk_is_named_nowhere_else():
    """Nor off the way, in the folders of the command and of training, but where the page says so."""
    others = {"fastnet/training/trainer.py", "fastnet/cli/commands/train/plain.py"}
    folders = (PACKAGE / "cli/commands/train", PACKAGE / "training")
    files = [path.relative_to(ROOT).as_posix() for folder in folders for path in folder.rglob("*.py")]
    assert {path for path in files if "l2" in identifiers(parsed(path))} == who_names("l2") | others


def items(text: str) -> Iterator[tuple[list[str], str]]:
    """Yield the files of each step of a list, before its colon and but for alternatives, and what it says."""
    for item in ITEM.findall(text):
        files, _, says = item.partition(": ")
        yield PATH.findall(re.sub(r"\(.*?\)", "", files, flags=re.DOTALL)), says


def test_steps_of_an_addition_are_in_files_that_know_the_example():
    sections = SECTION.findall(read(GUIDES[0]))
    assert len(sections) == 7
    for word, text in sections:
        steps = list(items(text))
        assert len(steps) >= 2
        for files, says in steps:
            content = "".join((ROOT / path).read_text("utf-8") for path in files)
            assert files, f"{word}: a step begins with a file: {says}"
            assert [path for path in files if word not in (ROOT / path).read_text("utf-8").lower()] == []
            assert [name for name in re.findall(r"`(\w+)`", says) if name not in content] == []


def test_an_activation_is_known_to_five_files():
    """All else of the package reads the table of activations, but for an estimator that has this one by default."""
    listed = {path for files, _ in items(dict(SECTION.findall(read(GUIDES[0])))["mish"]) for path in files}
    found = {path for path in PACKAGE.rglob("*.py") if "mish" in path.read_text("utf-8").lower()}
    found.remove(PACKAGE / "estimators/tabular/regressor.py")
    assert {path.relative_to(ROOT).as_posix() for path in found} == listed
    assert len(listed) <= 5
