"""Reference against compiled, one operation after the other: first whether they agree, then who is faster."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Sequence
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from fastnet.measure.tables import Table, duration, ratio_of
from fastnet.measure.timing import FEWEST_PAIRS, Spread, pairs, spread
from fastnet.validation.inputs import parse_sizes

SECONDS = 0.25
"""What is spent on an operation at least, so that one hiccup of the machine does not decide."""


Key = tuple[str, str, str]
"""Operation, size and dtype."""


def key_of(row: dict[str, Any]) -> Key:
    """Return what tells a row from others."""
    return row["operation"], row["size"], row["dtype"]


def realistic_cases(operations: Sequence[str] = ()) -> list[Any]:
    """Return the cases of sizes that people train at: of some operations, or of all.

    Parameters
    ----------
    operations : sequence of str
        Names of operations, such as "linear_forward"; none mean all.

    Returns
    -------
    list of Case
        In the order of the table.

    Raises
    ------
    ValueError
        For a name that no operation has.
    """
    from fastnet.measure.cases import CASES

    known = sorted({case.operation for case in CASES})
    for name in operations:
        if name not in known:
            raise ValueError(f"operation {name!r} is not known, expected some of {', '.join(known)}")
    return [case for case in CASES if case.realistic and (not operations or case.operation in operations)]


def network_cases(network: str, batch_size: int) -> list[Any]:
    """Return cases of a user's own network: inference of a row and of a batch, and training with two optimizers.

    Parameters
    ----------
    network : str
        Layer sizes with hyphens between, such as "784-128-10".
    batch_size : int
        Samples per step, and of the batch.

    Returns
    -------
    list of Case
        As in the table of cases, for ReLU between the layers and the cross-entropy of class labels.

    Raises
    ------
    ValueError
        For what is no list of sizes.
    """
    from fastnet.measure.cases import Training, inference_case, training_case

    sizes, n_samples = parse_sizes("--network", network), max(4 * batch_size, 256)
    activations = ("relu",) * (len(sizes) - 2)
    trainings = [
        Training(n_samples, sizes, activations, "cross_entropy", optimizer, batch_size) for optimizer in ("sgd", "adam")
    ]
    return [*(inference_case(n, sizes) for n in (1, batch_size)), *map(training_case, trainings)]


def disagreement(case: Any, dtype: Any, modules: tuple[ModuleType, ModuleType]) -> str | None:
    """Run a case in both implementations and say what differs; None if the results agree to rounding."""
    from fastnet.measure.cases import compare_results, run

    results = []
    for module in modules:
        arguments = case.arguments(dtype)
        try:
            results.append(run(module, case, arguments))
        except MemoryError:
            raise
        except Exception as error:  # of a case that is known to be valid: it is the code that is wrong
            return f"{module.__name__} raised {type(error).__name__}: {' '.join(str(error).split())}"
    expected, actual = results
    return compare_results(case, dtype, actual, expected)


def _out(module: ModuleType, case: Any, dtype: Any) -> dict[str, Any]:
    """Return memory for the results of an operation that takes it.

    New arrays cost page faults or none, as the allocator happens to have them: a factor of eight for a copy.
    """
    from fastnet import reference
    from fastnet.measure.cases import run

    if "out" not in inspect.signature(getattr(reference, case.operation)).parameters:
        return {}
    arrays = [one for one in run(module, case, case.arguments(dtype)) if isinstance(one, np.ndarray)]
    return {"out": arrays[0] if len(arrays) == 1 else tuple(arrays)}


def calls(case: Any, dtype: Any, modules: tuple[ModuleType, ModuleType]) -> list[Callable[[], Any]]:
    """Return the call of an operation in each module, with arguments and memory for its results."""
    from fastnet.measure.cases import run

    return [partial(run, module, case, case.arguments(dtype), **_out(module, case, dtype)) for module in modules]


def measure(
    case: Any, dtype: Any, decided: Callable[[Spread], bool], budget: float, modules: tuple[ModuleType, ModuleType]
) -> dict[str, Any]:
    """Compare an operation's results, then time both implementations until the ratio's interval decides.

    Parameters
    ----------
    case : Case
        Of the table of cases.
    dtype : dtype
        Of its arguments.
    decided : callable
        Tells from the spread of the ratios whether more of them are needed.
    budget : float
        Seconds after which it ends undecided.
    modules : (module, module)
        The reference and the compiled kernels.

    Returns
    -------
    dict
        JSON-ready: operation, size and dtype; what differs, None if the results agree; median seconds of a call of
        both; the ratio numpy / numba of pairs, None if the results disagree, since a wrong result is not worth
        timing; and that of the shortest times, which other work on the machine disturbs least.
    """
    row = {"operation": case.operation, "size": case.size, "dtype": np.dtype(dtype).name}
    reason = disagreement(case, dtype, modules)
    if reason is not None:
        return row | {
            "disagreement": reason, "numpy_seconds": 0.0, "numba_seconds": 0.0, "ratio": None, "best_ratio": 0.0
        }  # fmt: skip
    slow, fast = calls(case, dtype, modules)
    times: list[tuple[float, float]] = []
    with np.errstate(all="ignore"):  # an update that is repeated may go anywhere
        start = time.perf_counter()
        for pair in pairs(slow, fast):
            times.append(pair)
            spent = time.perf_counter() - start
            enough = spent >= min(SECONDS, budget) and len(times) >= FEWEST_PAIRS
            ratio = spread([a / b for a, b in times])
            if (enough and decided(ratio)) or (spent >= budget and len(times) >= 2):
                break
    (reference, compiled), (slowest, fastest) = np.median(times, axis=0).tolist(), np.min(times, axis=0).tolist()
    return row | {
        "disagreement": None, "numpy_seconds": reference, "numba_seconds": compiled, "ratio": ratio,
        "best_ratio": slowest / fastest,
    }  # fmt: skip


def measure_all(
    work: Sequence[tuple[Any, Any]], limit_of: Callable[[Key], float], budget: float, progress: Callable[[str], object]
) -> list[dict[str, Any]]:
    """Measure cases, each in a dtype, one after the other, until each has decided about its limit."""
    from fastnet import kernels, reference
    from fastnet.measure.gate import decides

    rows = []
    for case, dtype in work:
        name = np.dtype(dtype).name
        progress(f"{case} {name}")
        decided = partial(decides, limit=limit_of((case.operation, case.size, name)))
        rows.append(measure(case, dtype, decided, budget, (reference, kernels)))
    return rows


def section(rows: Sequence[dict[str, Any]], table: Table) -> list[str]:
    """Write the paragraphs of a page: a line for each operation."""
    lines = [
        [
            *key_of(row), duration(row["numpy_seconds"]), duration(row["numba_seconds"]),
            "results differ" if row["ratio"] is None else ratio_of(row),
        ]
        for row in rows
    ]  # fmt: skip
    return [table(["operation", "size", "dtype", "numpy", "numba", "numpy / numba"], lines)]
