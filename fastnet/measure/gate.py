"""The gate: whether compiled code is still right, and still as much faster than the reference as it should be.

Rows are those of `fastnet.measure.suites.operations.measure`, or of other suites brought to their shape.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from fastnet.measure.suites.operations import Key, key_of
from fastnet.measure.tables import duration, ratio_of, text_table
from fastnet.measure.timing import CONFIDENCE, Spread

Row = dict[str, Any]


def decides(ratio: Spread, limit: float) -> bool:
    """Tell whether an interval lies on one side of a limit, with confidence."""
    return ratio["confidence"] >= CONFIDENCE and (ratio["low"] >= limit or ratio["high"] < limit)


def judge(row: Row, limit: float) -> Row:
    """Hold one operation against its limit.

    Parameters
    ----------
    row : dict
        The operation.
    limit : float
        The least ratio numpy / numba: the time of the reference over that of the kernels.

    Returns
    -------
    dict
        The row with its limit, whether it passed, and the reason in words. It passes if the results agree and the ratio
        reaches the limit; where the interval does not decide within the budget, the median does, and the reason says
        so. What other work on the machine held up passes by the ratio of the shortest times: a kernel that became slow
        is slow in its best moments too.

    Examples
    --------
    >>> from fastnet.measure.timing import spread
    >>> row = {"operation": "relu_forward", "ratio": spread([1.5, 1.4, 1.6] * 4), "best_ratio": 1.7}
    >>> judge(row, 1.2)["passed"], judge(row, 2.0)["passed"]
    (True, False)
    """
    ratio = row["ratio"]
    if ratio is None:
        return row | {"limit": limit, "passed": False, "reason": f"wrong: {row['disagreement']}"}
    passed = ratio["median"] >= limit
    if not passed and row["best_ratio"] >= limit:
        reason = f"fast enough, {row['best_ratio']:.2f} in its best moments"
        return row | {"limit": limit, "passed": True, "reason": reason}
    how = "" if decides(ratio, limit) else ", by the median alone: the budget is spent"
    return row | {"limit": limit, "passed": passed, "reason": ("fast enough" if passed else "too slow") + how}


def compared(document: dict[str, Any]) -> dict[Key, Row]:
    """Return what saved results hold of reference against compiled, or of others against fastnet, by key.

    Raises
    ------
    ValueError
        For a row that cannot be read.
    """
    try:
        rows = [*document["operations"]]
        for row in document["networks"]:
            if "ratio" in row["peers"].get("numpy", {}):
                rows.append({**row, "operation": "epoch", "size": row["name"], "ratio": row["peers"]["numpy"]["ratio"]})
        for row in document.get("estimators", []):
            rows.append({**row, "operation": "estimator", "size": f"{row['name']}, threads: {row['threads']}"})
        for row in rows:
            ratio = row["ratio"]
            if ratio is not None and not 0 < ratio["low"] <= ratio["median"] <= ratio["high"] < math.inf:
                raise ValueError(f"{key_of(row)} has {ratio}")
        return {key_of(row): row for row in rows}
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"the results hold a row that cannot be read: {error!r}") from None


COPIES = ("identity_forward", "identity_backward")
"""Operations whose times tell no more than where their arrays happen to lie in memory, which each process redraws."""


COPIES_SHARE = 0.9
"""What is asked of them, of the ratio that is asked of others: both sides are one copy by NumPy."""


def limit_under(fail_under: float, key: Key) -> float:
    """Return the ratio that an operation has to reach where all have to reach one."""
    return fail_under * COPIES_SHARE if key[0] in COPIES else fail_under


def limits_of(document: dict[str, Any], factor: float) -> dict[Key, float]:
    """Return what a new measurement has to reach: the low ends of saved intervals, divided by `factor`.

    Copies have no such limit.
    """
    rows = {key: row["ratio"] for key, row in compared(document).items() if row["operation"] not in COPIES}
    return {key: ratio["low"] / factor for key, ratio in rows.items() if ratio is not None}


def changes(before: dict[str, Any], after: dict[str, Any], factor: float) -> list[Row]:
    """Compare the ratios numpy / numba of two saved results.

    The reference is the yardstick: both implementations were timed in one run, so the ratio hardly depends on how
    busy a machine was. It does depend on the machine, so both should come from one.

    Parameters
    ----------
    before, after : dict
        Documents of `fastnet.measure.results`.
    factor : float
        How much smaller a ratio may have become.

    Returns
    -------
    list of dict
        The ratios before and after, whether that passes, and why, of everything that stands in both and of what is
        wrong in `after`; None for a ratio of results that were wrong. A change counts as a regression if the median has
        fallen by more than `factor` and the intervals do not overlap.

    Raises
    ------
    ValueError
        If a document is damaged, or nothing stands in both.
    """
    old, new = compared(before), compared(after)
    if not old.keys() & new.keys():
        raise ValueError("the two results have nothing in common")
    found = []
    for key, row in new.items():
        if key in old or row["ratio"] is None:
            then, now = old.get(key, {}).get("ratio"), row["ratio"]
            passed, reason = (False, f"wrong: {row['disagreement']}") if now is None else _change(then, now, factor)
            head = dict(zip(("operation", "size", "dtype"), key, strict=True))
            found.append(head | {"before": then, "after": now, "passed": passed, "reason": reason})
    return found


def _change(then: Spread | None, now: Spread, factor: float) -> tuple[bool, str]:
    """Return whether a ratio may have become another, and in words what it became."""
    if then is None:
        return True, "was wrong before"
    slower = then["median"] / now["median"]
    apart = now["high"] < then["low"]
    reason = f"{slower:.2f} times slower" if slower > 1 else f"{1 / slower:.2f} times faster"
    reason += "" if apart or now["low"] > then["high"] else ", within the noise"
    return not (slower > factor and apart), reason


def unmatched(before: Iterable[Key], after: Iterable[Key]) -> list[str]:
    """Say, in lines, what could not be compared: what is new has no limit, and what is gone cannot fail."""
    old, new = dict.fromkeys(before), dict.fromkeys(after)
    lines = []
    for keys, what in (
        ([k for k in new if k not in old], "have no saved ratio"),
        ([k for k in old if k not in new], "saved ones are gone"),
    ):
        if keys:
            names = dict.fromkeys(operation for operation, _, _ in keys)
            lines.append(f"{len(keys)} {what}: {', '.join(names)}")
    return lines


def fell_short(rows: Sequence[Row]) -> list[Row]:
    """Return those that did not pass."""
    return [row for row in rows if not row["passed"]]


def verdicts_table(rows: Sequence[Row]) -> str:
    """Show what was judged, those that fell short last, where a reader of a log looks first."""
    heading = ["operation", "size", "dtype", "numpy", "numba", "ratio", "limit", "verdict"]
    lines = [
        [
            *key_of(row), duration(row["numpy_seconds"]), duration(row["numba_seconds"]), ratio_of(row),
            f"{row['limit']:.2f}", _said(row),
        ]
        for row in sorted(rows, key=lambda row: not row["passed"])
    ]  # fmt: skip
    return text_table(heading, lines)


def changes_table(rows: Sequence[Row]) -> str:
    """Show every operation's ratio before and after, those that fell short last."""
    lines = [
        [*key_of(row), ratio_of(row, "before"), ratio_of(row, "after"), _said(row)]
        for row in sorted(rows, key=lambda row: not row["passed"])
    ]
    return text_table(["operation", "size", "dtype", "before", "after", "verdict"], lines)


def _said(row: Row) -> str:
    return row["reason"] if row["passed"] else f"FAILED: {row['reason']}"
