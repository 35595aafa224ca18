"""The examples of the README and of docs/migration.md run, in order, as one reader would type them."""

import re
from pathlib import Path

import pytest
from test_estimators import each_pair

ROOT = Path(__file__).parent.parent


def read(page):
    if not (ROOT / page).exists():
        pytest.skip(f"{page} is not beside these tests")
    return (ROOT / page).read_text("utf-8")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("page", "least"), [("README.md", 3), ("docs/migration.md", 10)])
def test_every_example_runs(page, least, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```$", read(page), flags=re.MULTILINE | re.DOTALL)
    assert len(blocks) >= least
    names = {}
    for number, block in enumerate(blocks, 1):
        exec(compile(block, f"{page}, example {number}", "exec"), names)


@each_pair
def test_every_addition_is_on_the_page(ours, theirs):
    page = read("docs/migration.md")
    additions = ours().get_params().keys() - theirs().get_params().keys()
    assert {name for name in additions if not re.search(rf"\b{name}\b", page)} == set()
