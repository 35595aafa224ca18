"""The house: which rooms there are, which may use which, and how much lies in each."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import fastnet

PACKAGE = Path(fastnet.__file__).parent
TESTS = Path(__file__).parents[1]

ROOMS = [
    {"cli"},
    {"report"},
    {"measure"},
    {"plots"},
    {"inspection", "patch"},
    {"recipes", "estimators"},
    {"fleets"},
    {"training", "predictor"},
    {"models", "datasets", "distributed"},
    {"inference", "tables"},
    {"network", "optimizers", "preprocessing"},
    {"kernels"},
    {"reference"},
    {"compiler", "machine", "validation"},
    {"output"},
]
"""From the roof to the ground: a room may use itself and those on lower floors, and nothing else."""

MOST_FILES = 12
MOST_LINES = 300


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports(body: list[ast.stmt], in_functions: bool) -> Iterator[str]:
    """Yield the modules of fastnet that statements import as they run; those in functions are run later."""
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else node.module
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from imports(node.orelse, in_functions)
        elif in_functions or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for name in ("body", "orelse", "finalbody", "handlers"):
                yield from imports(getattr(node, name, []), in_functions)


def graph(in_functions: bool) -> dict[str, set[str]]:
    return {
        name: set(imports(ast.parse(path.read_text("utf-8")).body, in_functions)) - {name}
        for name, path in MODULES.items()
    }


def room(name: str) -> str:
    """Return the folder or module right in fastnet that a module belongs to, "" for fastnet itself."""
    return name.removeprefix("fastnet").lstrip(".").partition(".")[0]


def circle_from(start: str, edges: dict[str, set[str]]) -> list[str]:
    """Return a way from a module back to it, empty if there is none."""
    ways, seen = [[start]], set()
    while ways:
        way = ways.pop()
        for after in edges[way[-1]]:
            if after == start:
                return [*way, start]
            if after not in seen:
                seen.add(after)
                ways.append([*way, after])
    return []


def test_there_is_no_circle_of_imports():
    edges = graph(in_functions=False)
    assert sum(map(len, edges.values())) > 500, "imports are found"
    assert [way for name in edges if (way := circle_from(name, edges))] == []


def test_every_room_has_a_floor():
    assert {room(name) for name in MODULES} - {"", "__main__"} == set().union(*ROOMS)


@pytest.mark.parametrize("in_functions", [False, True])
def test_rooms_use_what_is_on_lower_floors(in_functions):
    floors = {name: floor for floor, names in enumerate(ROOMS) for name in names}
    wrong = [
        f"{name} imports {used}"
        for name, uses in graph(in_functions).items()
        for used in sorted(uses)
        if room(name) in floors and room(used) in floors and room(name) != room(used)
        and floors[room(name)] >= floors[room(used)]
    ]  # fmt: skip
    assert wrong == []


def test_a_folder_can_be_looked_over():
    folders = {path.parent for path in MODULES.values()}
    counts = {folder: len(set(folder.glob("*.py")) - {folder / "__init__.py"}) for folder in folders}
    assert {str(folder.relative_to(PACKAGE)): n for folder, n in counts.items() if n > MOST_FILES} == {}


def test_the_reference_and_the_kernels_are_twins():
    files = [{path.name for path in (PACKAGE / side).glob("*.py")} for side in ("reference", "kernels")]
    assert files[0] == files[1]


def test_a_file_can_be_read_at_a_sitting():
    files = [*MODULES.values(), *TESTS.rglob("*.py")]
    lines = {str(path): len(path.read_text("utf-8").splitlines()) for path in files}
    assert {name: n for name, n in lines.items() if n > MOST_LINES} == {}


def names_of_tests(folder: Path) -> set[str]:
    """Return what tests in a folder may be called after: the modules of its room, and the room as a whole."""
    package = ".".join(("fastnet", *folder.relative_to(TESTS).parts))
    above, _, own = package.rpartition(".")
    inside = {name.rpartition(".")[2] for name in MODULES if name.rpartition(".")[0] == package}
    return inside | {own} if above and inside else inside


def test_a_test_is_named_after_the_module_that_it_tests():
    paths = [path for path in TESTS.rglob("test_*.py") if not path.is_relative_to(TESTS / "whole")]
    assert len(paths) > 50, "tests are found"
    names = {path: path.stem.removeprefix("test_") for path in paths}
    assert [
        str(path.relative_to(TESTS))
        for path, name in names.items()
        if not any(f"{name}_".startswith(f"{module}_") for module in names_of_tests(path.parent))
    ] == []


def test_public_names_are_those_that_dir_lists():
    assert set(fastnet.__all__) <= set(dir(fastnet))
    assert [name for name in dir(fastnet) if name.startswith("_") and name != "__version__"] == []
    assert all(hasattr(fastnet, name) for name in dir(fastnet))
    assert fastnet.training.schedules.SCHEDULES
