"""Levels of processors: what many models have in common, so that code compiled for a level runs on all of them.

The levels of x86-64 are those of its psABI (section 3.1.1, table "micro-architecture levels"), which compilers and
Linux distributions share; Armv8-A is what every 64-bit Arm processor has. What stands here is data and choices: it
imports neither Numba nor LLVM, and knows no processor but by the features that it is told.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

NATIVE = "native"
"""What stands for the processor itself, whatever level it has."""


class Level(NamedTuple):
    """A level: its name, LLVM's name and tuning for it, the features that it asks for, and its vectors' width."""

    name: str
    cpu: str
    tuning: str
    needs: frozenset[str]
    vector_bits: int


_V2 = frozenset({"cx16", "popcnt", "sahf", "sse3", "sse4.1", "sse4.2", "ssse3"})
_V3 = _V2 | {"avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe", "xsave"}
_V4 = _V3 | {"avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl"}

_X86 = (
    Level("x86-64", "x86-64", "", frozenset(), 128),
    Level("x86-64-v2", "x86-64-v2", "", _V2, 128),
    Level("x86-64-v3", "x86-64-v3", "", _V3, 256),
    # LLVM tunes this level for the first processors that had it, which did better with loops of 256 bits
    Level("x86-64-v4", "x86-64-v4", "-prefer-256-bit", _V4, 512),
)
_ARM = (Level("armv8-a", "generic", "", frozenset(), 128),)
_LEVELS = {"x86_64": _X86, "aarch64": _ARM, "arm64": _ARM}

_COUNTS = frozenset({"avx2", "avx512f", "fma"})
"""Features without which kernels are much slower: a level that lacks one which the processor has is none for it."""


def levels(architecture: str) -> tuple[Level, ...]:
    """Return the levels of an architecture, by LLVM's name of it, from the lowest up; empty if it has none here."""
    return _LEVELS.get(architecture, ())


def highest(architecture: str, features: Collection[str]) -> Level | None:
    """Return the highest level of a processor; None where what it is best compiled for is itself.

    Examples
    --------
    >>> highest("aarch64", {"neon", "sve"}).name
    'armv8-a'
    >>> highest("x86_64", {"sse3", "avx512f"}) is None  # Knights Landing: 512 bits, but not all of a level with them
    True
    """
    has = frozenset(features)
    fitting = [level for level in levels(architecture) if level.needs <= has]
    if not fitting or (_COUNTS & has) - fitting[-1].needs:
        return None
    return fitting[-1]


def named(name: str, architecture: str) -> Level | None:
    """Return the level of a name, None for "native"; ValueError for a name that is no level of the architecture."""
    known = {level.name: level for level in levels(architecture)}
    if name != NATIVE and name not in known:
        raise ValueError(f"FASTNET_CPU_LEVEL must be one of {', '.join([*known, NATIVE])} here, got {name!r}")
    return known.get(name)


def missing(level: Level, features: Collection[str]) -> list[str]:
    """Return what a processor lacks of a level, in alphabetical order."""
    return sorted(level.needs - frozenset(features))
