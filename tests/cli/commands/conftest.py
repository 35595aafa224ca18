"""Fixtures of commands that have to do with recipes."""

from dataclasses import replace

import numpy as np
import pytest

import fastnet.recipes.catalog as catalog
from fastnet.recipes import RECIPES


@pytest.fixture
def quick_recipes(monkeypatch):
    """Recipes that take three steps."""
    for name, recipe in RECIPES.items():
        short = {"steps": 3, "epochs": None, "every": 1, "print_every": 1, "hidden": (4,) * len(recipe.hidden)}
        monkeypatch.setitem(catalog.RECIPES, name, replace(recipe, **short))


@pytest.fixture
def tiny(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "tiny.npz"
    np.savez(path, X=rng.integers(0, 256, (90, 6), dtype=np.uint8), y=np.arange(90) % 3)
    return path
