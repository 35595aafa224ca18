"""Fixtures that several test modules share."""

from types import ModuleType

import pytest

import fastnet.kernels
import fastnet.reference

# Every module here offers the same operations; tests that take `implementation` run once for each.
IMPLEMENTATIONS: list[ModuleType] = [fastnet.reference, fastnet.kernels]


@pytest.fixture(params=IMPLEMENTATIONS, ids=lambda module: module.__name__)
def implementation(request: pytest.FixtureRequest) -> ModuleType:
    return request.param
