"""The examples of docs/migration.md run, in order, as one reader would type them."""

import re
from pathlib import Path

import pytest
from test_estimators import each_pair

PAGE = Path(__file__).parent.parent / "docs" / "migration.md"


@pytest.fixture(scope="module")
def page():
    if not PAGE.exists():
        pytest.skip("docs/migration.md is not beside these tests")
    return PAGE.read_text("utf-8")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_example_runs(page, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    assert len(blocks) > 5
    names = {}
    for number, block in enumerate(blocks, 1):
        exec(compile(block, f"{PAGE.name}, example {number}", "exec"), names)


@each_pair
def test_every_addition_is_on_the_page(page, ours, theirs):
    additions = ours().get_params().keys() - theirs().get_params().keys()
    assert {name for name in additions if not re.search(rf"\b{name}\b", page)} == set()
