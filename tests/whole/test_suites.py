"""Scikit-learn's own tests, as they are installed, wherever they use a network: with ours under its names.

The page on migration has a table of them, which is held to what passes. Those of its module of networks alone are with
the estimators.
"""

import ast
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import sklearn

from fastnet.patch.names import NAMES

SUITES = Path(sklearn.__file__).parent
PAGE = Path(__file__).parents[2] / "docs" / "migration.md"
ROW = re.compile(r"^\| `sklearn\.([\w.]+)` \| (\d+) of (\d+) \|", flags=re.MULTILINE)

OF_NETWORKS = "neural_network.tests.test_mlp"
GENERIC = "tests.test_common"
"""What runs all estimators, and asks for them by a search through the package."""


def functions() -> list[tuple[str, str]]:
    """Return modules of tests and the functions in them that name one of scikit-learn's networks."""
    found = []
    for path in sorted(SUITES.rglob("test_*.py")):
        module = ".".join(path.relative_to(SUITES).with_suffix("").parts)
        text = path.read_text("utf-8")
        if module in (OF_NETWORKS, GENERIC) or not any(name in text for name in NAMES):
            continue
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                names = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
                found += [(module, node.name)] if names & set(NAMES) else []
    return found


def results(folder: Path, *arguments: str) -> dict[str, tuple[int, int]]:
    """Run tests with our estimators; return for each module of scikit-learn's how many passed, and how many ran."""
    report = folder / "report.xml"
    command = [sys.executable, "-m", "fastnet.patch", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore"]
    command += ["--rootdir", str(SUITES.parent), "-c", os.devnull, f"--junitxml={report}", *arguments]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=1500)
    print(ran.stdout, ran.stderr)  # for who wants to know what failed
    counts: dict[str, tuple[int, int]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        kinds = {part.tag for part in case}
        module = case.get("classname", "").removeprefix("sklearn.")
        passed, all_ = counts.get(module, (0, 0))
        if "skipped" not in kinds:
            counts[module] = passed + (not kinds & {"failure", "error"}), all_ + 1
    return counts


def table() -> dict[str, tuple[int, int]]:
    if not PAGE.exists():
        pytest.skip("the page is not beside these tests")
    return {module: (int(passed), int(all_)) for module, passed, all_ in ROW.findall(PAGE.read_text("utf-8"))}


def release_of_the_table() -> bool:
    """Tell whether the installed release is the one whose tests the page counts."""
    return f"scikit-learn {sklearn.__version__}" in PAGE.read_text("utf-8")


OWN = "import sklearn.neural_network as n\ndef test_{0}():\n    assert 'fastnet' in n.{0}.__module__\n"


def test_what_uses_a_network_passes_with_ours(tmp_path):
    (tmp_path / "test_own.py").write_text("".join(OWN.format(name) for name in (*NAMES, "BernoulliRBM")))
    chosen = functions()
    assert {module for module, _ in chosen} >= {"ensemble.tests.test_stacking", "model_selection.tests.test_validation"}
    names = [f"sklearn.{module}::{name}" for module, name in chosen]
    counts = results(tmp_path, "test_own.py", "--pyargs", *names)
    assert counts.pop("") == (2, 3), "our classes are found, and a failure is counted"
    assert counts.keys() == {module for module, _ in chosen}
    assert all(passed == all_ > 0 for passed, all_ in counts.values())
    if release_of_the_table():
        assert {module: row for module, row in table().items() if module not in (OF_NETWORKS, GENERIC)} == counts


@pytest.mark.exhaustive
def test_what_all_estimators_must_do_ours_do_under_the_names_of_scikit_learn(tmp_path):
    (count,) = results(tmp_path, "--pyargs", f"sklearn.{GENERIC}", "-k", "MLP").values()
    assert count[0] == count[1] > 100
    assert table()[GENERIC][0] == table()[GENERIC][1]  # how many there are depends on what else is installed
