"""Which cases of a test are of every change, and which of the night: `pytest -m exhaustive` has those."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest


def tiered(names: tuple[str, ...], cases: Iterable[tuple[Any, ...]], of_every_change: Callable[..., bool]) -> Any:
    """Parametrize a test with cases, those that `of_every_change` is not true of marked as exhaustive."""
    parameters = [
        pytest.param(
            *case,
            id="-".join(str(getattr(part, "__name__", part)) for part in case),
            marks=() if of_every_change(*case) else pytest.mark.exhaustive,
        )
        for case in cases
    ]
    return pytest.mark.parametrize(names, parameters)
