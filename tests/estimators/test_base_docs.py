"""docs/migration.md is complete; test_docs.py runs its examples."""

import re
from pathlib import Path

import pytest
from estimators.test_base import each_pair

PAGE = Path(__file__).parents[2] / "docs" / "migration.md"


@each_pair
def test_every_addition_is_on_the_page(ours, theirs):
    if not PAGE.exists():
        pytest.skip(f"{PAGE.name} is not beside these tests")
    page = PAGE.read_text("utf-8")
    additions = ours().get_params().keys() - theirs().get_params().keys()
    assert {name for name in additions if not re.search(rf"\b{name}\b", page)} == set()
