"""Fixtures that several test modules share."""

from types import ModuleType

import pytest

import fastnet.kernels
import fastnet.reference
from fastnet._jit import INTERPRETED

# Every module here offers the same operations; tests that take `implementation` run once for each.
IMPLEMENTATIONS: list[ModuleType] = [fastnet.reference, fastnet.kernels]


# Fits with kernels as plain Python would take hours; test_estimators_backends.py shows that they agree.
collect_ignore_glob = ["test_estimators_[!b]*.py"] if INTERPRETED else []


@pytest.fixture(params=IMPLEMENTATIONS, ids=lambda module: module.__name__)
def implementation(request: pytest.FixtureRequest) -> ModuleType:
    return request.param
