"""Tests of operations: a forward and its backward as one item, and their arrays."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest


def each_operation(names: Iterable[str]) -> Callable[[Callable[[str], None]], Any]:
    """Parametrize a test of one operation; what fails is named in a note."""
    pairs: dict[str, list[str]] = {}
    for name in names:
        pairs.setdefault(name.removesuffix("_forward").removesuffix("_backward"), []).append(name)

    def decorate(test: Callable[[str], None]) -> Any:
        def test_of_pair(names: list[str]) -> None:
            for name in names:
                try:
                    test(name)
                except BaseException as error:  # what pytest raises is no Exception
                    error.add_note(f"operation: {name}")
                    raise

        test_of_pair.__doc__ = test.__doc__
        return pytest.mark.parametrize("names", pairs.values(), ids=pairs)(test_of_pair)

    return decorate


def arrays_in(arguments: dict[str, Any]) -> dict[tuple[str, int], Any]:
    """Return the arrays among arguments by name, with those of a tuple as name, index."""
    found = {}
    for name, value in arguments.items():
        for i, one in enumerate(value if isinstance(value, tuple) else (value,)):
            if isinstance(one, np.ndarray):
                found[name, i] = one
    return found
