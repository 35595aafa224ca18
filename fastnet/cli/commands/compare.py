"""`fastnet compare`: the gate between the reference and the compiled kernels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fastnet.cli import options
from fastnet.cli.options import optional

if TYPE_CHECKING:
    from fastnet.measure.suites.operations import Key

EXAMPLES = """\b
Examples:
  fastnet compare --fail-under 1.0        fail if an operation is slower than its reference
  fastnet compare --json now.json         save the results
  fastnet compare base.json --factor 1.5  measure, and compare with saved results
  fastnet compare base.json now.json      compare two saved results, without measuring

Exit code: 0 if all passed, 1 if results are wrong or too slow, 2 for a usage error."""

FACTOR = 1.1
ATTEMPTS = 4
"""How often something is measured until it is called too slow."""

Before = Annotated[
    Path | None,
    typer.Argument(metavar="BEFORE", help="Saved results to compare with.", show_default=False),
]
After = Annotated[
    Path | None,
    typer.Argument(metavar="AFTER", help="Saved results to compare instead of measuring.", show_default=False),
]
FailUnder = Annotated[
    float | None,
    optional(
        "RATIO", "Fail if the speed-up of an operation (time of the reference / time of the kernel) is below this."
    ),
]
Factor = Annotated[
    float | None,
    optional("FACTOR", "Fail if a speed-up is smaller than in BEFORE by more than this factor.  [default: 1.1]"),
]
Operations = Annotated[str | None, optional("NAMES", "Operations to compare, separated by commas.  [default: all]")]
NetworkOption = Annotated[
    str | None,
    optional(
        "SIZES", "Compare training and inference of a network with these layer sizes, such as 784-128-10, instead."
    ),
]
BatchSize = Annotated[int | None, optional("N", "Batch size of --network.  [default: 64]", min=1)]
DtypeOption = Annotated[
    options.Dtype | None, typer.Option(help="Data type to measure.  [default: both]", show_default=False)
]
Budget = Annotated[float, typer.Option(min=0.01, metavar="SECONDS", help="Maximum time for one operation.")]


def compare(
    before: Before = None, after: After = None, fail_under: FailUnder = None, factor: Factor = None,
    operations: Operations = None, network: NetworkOption = None, batch_size: BatchSize = None,
    dtype: DtypeOption = None, threads: options.Threads = None, budget: Budget = 3.0, json: options.JsonFile = None,
) -> int:  # fmt: skip
    """Compare the compiled kernels with the reference: results and speed.

    Every operation runs at realistic sizes, both implementations alternately, until the confidence interval of the
    speed-up lies on one side of the limit or the time budget is used up.
    """
    _check(before, after, fail_under, factor, operations, network, batch_size, json)
    if after is not None and (dtype is not None or threads is not None):
        raise ValueError("two saved results are compared as they are: no --dtype or --threads")
    if before is not None and after is not None:
        return _two_files(before, after, factor or FACTOR, json)
    return _measure(before, fail_under, factor or FACTOR, operations, network, batch_size, dtype, threads, budget, json)


def _check(
    before: Path | None, after: Path | None, fail_under: float | None, factor: float | None, operations: str | None,
    network: str | None, batch_size: int | None, json: Path | None,
) -> None:  # fmt: skip
    """Raise ValueError for options that do not go together, before anything is measured."""
    from fastnet.cli.output import check_writable

    if factor is not None and before is None:
        raise ValueError("--factor: needs saved results to compare with, got none")
    for name, value, least in (("--fail-under", fail_under, 0.0), ("--factor", factor, 1.0)):
        if value is not None and not least <= value < float("inf"):
            raise ValueError(f"{name}: must be a number of at least {least:g}, got {value}")
    if after is not None and (operations or network or fail_under is not None):
        raise ValueError("two saved results are compared as they are: no --operations, --network or --fail-under")
    if network and operations:
        raise ValueError("--network: measures training and inference, so --operations cannot be given with it")
    if batch_size is not None and not network:
        raise ValueError("--batch-size: is of a --network, and none was given")
    if json is not None:
        check_writable(json, None, None, "--json")
        if json.exists() and any(
            path is not None and path.exists() and json.samefile(path) for path in (before, after)
        ):
            raise ValueError(f"--json {json}: would overwrite the results to compare with")


def _two_files(before: Path, after: Path, factor: float, json: Path | None) -> int:
    from fastnet.measure import gate, results

    old, new = results.load(before), results.load(after)
    found = gate.changes(old, new, factor)
    _warn_of_other_machine(old["environment"], new["environment"], "ratios may differ for no fault of the code")
    print(gate.changes_table(found))
    for line in gate.unmatched(gate.compared(old), gate.compared(new)):
        print(line)
    if json is not None:
        document = results.new_document(new["environment"], {"factor": factor})
        results.save(document | {"operations": found}, json)
    return _conclude(found, f"have become more than {factor:g} times slower")


def _measure(
    before: Path | None, fail_under: float | None, factor: float, operations: str | None, network: str | None,
    batch_size: int | None, dtype: options.Dtype | None, threads: int | None, budget: float, json: Path | None,
) -> int:  # fmt: skip
    from fastnet.compiler.policy import require_compiler
    from fastnet.measure import gate, results
    from fastnet.measure.environment import environment
    from fastnet.measure.suites.operations import network_cases, realistic_cases
    from fastnet.measure.timing import limited_threads

    require_compiler("the comparison")
    old = None if before is None else results.load(before)
    names = [name.strip() for name in operations.split(",")] if operations else []
    cases = network_cases(network, batch_size or 64) if network else realistic_cases(names)
    dtypes = ["float32", "float64"] if dtype is None else [dtype.value]
    with limited_threads(threads):
        here = environment(threads)
        saved = {} if old is None else gate.limits_of(old, factor)
        if old is not None and _warn_of_other_machine(old["environment"], here, "saved ratios are no limits here"):
            saved = {}
        keys = [(case.operation, case.size, name) for case in cases for name in dtypes]
        if saved and not set(keys) & set(saved):
            raise ValueError(f"{before}: the saved results have nothing in common with what would be measured")

        def limit_of(key: Key) -> float:
            return max(gate.limit_under(fail_under or 0.0, key), saved.get(key, 0.0))

        verdicts = _run(cases, dtypes, limit_of, budget)
    print(gate.verdicts_table(verdicts))
    if saved:
        whole = not operations and network is None and dtype is None
        for line in gate.unmatched(saved if whole else set(keys) & set(saved), keys):
            print(line)
    if json is not None:
        settings = {"command": "compare", "budget_seconds": budget, "fail_under": fail_under}
        document = results.new_document(here, settings)
        results.save(document | {"operations": verdicts}, json)
    return _conclude(verdicts, "fell short")


def _warn_of_other_machine(old: dict[str, Any], new: dict[str, Any], meaning: str) -> bool:
    """Warn if results come from different machines, whose ratios differ for no fault of the code."""
    import warnings

    def identity(environment: dict[str, Any]) -> tuple[Any, ...]:
        cpu = environment.get("cpu")
        if not isinstance(cpu, dict):
            raise ValueError(f"the results hold an environment that cannot be read: cpu must be a dict, got {cpu!r}")
        machine, threads = environment.get("machine"), environment.get("threads")
        return machine, cpu.get("name"), cpu.get("vector_bits"), threads, environment.get("busy", 0)

    if identity(old) == identity(new):
        return False
    warnings.warn(
        f"the results come from different processors, numbers of threads or busy processes beside: {meaning}",
        stacklevel=2,
    )
    return True


def _run(cases: list[Any], dtypes: list[str], limit_of: Callable[[Key], float], budget: float) -> list[dict[str, Any]]:
    """Measure everything, and what was too slow again: a busy moment passes, a slow kernel does not."""
    from fastnet.cli.progress import steps
    from fastnet.measure.gate import judge
    from fastnet.measure.suites.operations import key_of, measure_all

    work = [(case, dtype) for case in cases for dtype in dtypes]
    with steps(len(work), "comparing") as step:
        verdicts = [judge(row, limit_of(key_of(row))) for row in measure_all(work, limit_of, budget, step)]
    for attempt in range(2, ATTEMPTS + 1):
        slow = [i for i, verdict in enumerate(verdicts) if not verdict["passed"] and verdict["ratio"]]
        with steps(len(slow), "comparing again") as step:
            again = measure_all([work[i] for i in slow], limit_of, 2 * budget, step)
        for i, row in zip(slow, again, strict=True):
            verdicts[i] = judge(row, limit_of(key_of(row)))
            verdicts[i]["reason"] += f", measured {attempt} times"
    return verdicts


def _conclude(found: list[dict[str, Any]], what: str) -> int:
    from fastnet.measure.gate import fell_short

    short = fell_short(found)
    print(f"{len(short)} of {len(found)} {what}" if short else f"all {len(found)} passed")
    return 1 if short else 0
