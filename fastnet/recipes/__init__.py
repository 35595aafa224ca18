"""Recipes: networks for digits with everything that is needed to train them, by name.

Five follow public notebooks that build a digit recogniser from scratch in NumPy, with the notebooks' faults mended;
`best` and `fast` are fastnet's own.
"""

from fastnet.recipes.catalog import RECIPES, find_recipe
from fastnet.recipes.recipe import Recipe
from fastnet.recipes.run import Result, prepare, run_recipe

__all__ = ["RECIPES", "Recipe", "Result", "find_recipe", "prepare", "run_recipe"]
