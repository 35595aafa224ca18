"""The gate: whether compiled code is still right, and still as much faster than the reference as it should be."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fastnet.measure.suites.operations import Key, Measured
from fastnet.measure.timing import CONFIDENCE, Spread


@dataclass(frozen=True)
class Verdict:
    """What the gate says of one operation."""

    row: Measured
    limit: float  # the ratio it has to reach
    passed: bool
    reason: str  # in words, for whoever reads the table

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {**self.row.to_dict(), "limit": self.limit, "passed": self.passed, "reason": self.reason}


def decides(ratio: Spread, limit: float) -> bool:
    """Tell whether an interval lies on one side of a limit, with confidence."""
    return ratio.confidence >= CONFIDENCE and (ratio.low >= limit or ratio.high < limit)


def judge(row: Measured, limit: float) -> Verdict:
    """Hold one operation against its limit.

    Parameters
    ----------
    row : Measured
        The operation.
    limit : float
        The least ratio reference / compiled.

    Returns
    -------
    Verdict
        Passed if the results agree and the ratio reaches the limit; where the interval does not decide within the
        budget, the median does, and the reason says so. What other work on the machine held up passes by the ratio of
        the shortest times: a kernel that became slow is slow in its best moments too.

    Examples
    --------
    >>> from fastnet.measure.suites.operations import Key, Measured
    >>> from fastnet.measure.timing import spread
    >>> row = Measured("relu_forward", "128x128", "float32", None, 3e-6, 2e-6, spread([1.5, 1.4, 1.6] * 4))
    >>> judge(row, 1.2).passed, judge(row, 2.0).passed
    (True, False)
    """
    if row.ratio is None:
        return Verdict(row, limit, False, f"wrong: {row.disagreement}")
    passed = row.ratio.median >= limit
    if not passed and row.best >= limit:
        return Verdict(row, limit, True, f"fast enough, {row.best:.2f} in its best moments")
    said = "fast enough" if passed else "too slow"
    how = "" if decides(row.ratio, limit) else ", by the median alone: the budget is spent"
    return Verdict(row, limit, passed, said + how)


def compared(document: dict[str, Any]) -> dict[Key, Measured]:
    """Return what saved results hold of reference against compiled, or of others against fastnet, by key.

    Raises
    ------
    ValueError
        For a row that cannot be read.
    """
    try:
        rows = [Measured.from_dict(row) for row in document["operations"]]
        for row in document["networks"]:
            if "ratio" in row["peers"].get("numpy", {}):
                rows.append(_other("epoch", row["name"], row["dtype"], row["peers"]["numpy"]["ratio"]))
        for row in document.get("estimators", []):
            rows.append(_other("estimator", f"{row['name']}, threads: {row['threads']}", row["dtype"], row["ratio"]))
        for one in rows:
            if one.ratio is not None and not 0 < one.ratio.low <= one.ratio.median <= one.ratio.high < math.inf:
                raise ValueError(f"{one.key} has {one.ratio}")
        return {row.key: row for row in rows}
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"the results hold a row that cannot be read: {error!r}") from None


def _other(operation: str, size: str, dtype: str, ratio: dict[str, Any]) -> Measured:
    return Measured(operation, size, dtype, None, 0.0, 0.0, Spread(**ratio))


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
    rows = {key: row.ratio for key, row in compared(document).items() if row.operation not in COPIES}
    return {key: ratio.low / factor for key, ratio in rows.items() if ratio is not None}


@dataclass(frozen=True)
class Change:
    """An operation in two saved results."""

    key: Key
    before: Spread | None  # None where its results were wrong, or there were none
    after: Spread | None  # None where its results are wrong now
    passed: bool
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        operation, size, dtype = self.key
        before, after = (None if ratio is None else ratio._asdict() for ratio in (self.before, self.after))
        return {
            "operation": operation, "size": size, "dtype": dtype, "before": before, "after": after,
            "passed": self.passed, "reason": self.reason,
        }  # fmt: skip


def changes(before: dict[str, Any], after: dict[str, Any], factor: float) -> list[Change]:
    """Compare the ratios reference / compiled of two saved results.

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
    list of Change
        For everything that stands in both, and for what is wrong in `after`. A change counts as a regression if the
        median has fallen by more than `factor` and the intervals do not overlap.

    Raises
    ------
    ValueError
        If a document is damaged, or nothing stands in both.
    """
    old, new = compared(before), compared(after)
    if not old.keys() & new.keys():
        raise ValueError("the two results have nothing in common")
    return [_change(key, old.get(key), row, factor) for key, row in new.items() if key in old or row.ratio is None]


def _change(key: Key, old: Measured | None, new: Measured, factor: float) -> Change:
    then, now = None if old is None else old.ratio, new.ratio
    if now is None:
        return Change(key, then, None, False, f"wrong: {new.disagreement}")
    if then is None:
        return Change(key, None, now, True, "was wrong before")
    slower = then.median / now.median
    apart = now.high < then.low
    reason = f"{slower:.2f} times slower" if slower > 1 else f"{1 / slower:.2f} times faster"
    reason += "" if apart or now.low > then.high else ", within the noise"
    return Change(key, then, now, not (slower > factor and apart), reason)


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


def fell_short(verdicts: Sequence[Verdict | Change]) -> list[Verdict | Change]:
    """Return those that did not pass."""
    return [verdict for verdict in verdicts if not verdict.passed]
