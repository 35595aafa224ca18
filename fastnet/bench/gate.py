"""The gate: whether compiled code is still right, and still as much faster than the reference as it should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastnet.bench.operations import Key, Measured
from fastnet.bench.timing import CONFIDENCE, Spread


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
        budget, the median does, and the reason says so.

    Examples
    --------
    >>> from fastnet.bench.operations import Key, Measured
    >>> from fastnet.bench.timing import spread
    >>> row = Measured("relu_forward", "128x128", "float32", None, 3e-6, 2e-6, spread([1.5, 1.4, 1.6] * 4))
    >>> judge(row, 1.2).passed, judge(row, 2.0).passed
    (True, False)
    """
    if row.ratio is None:
        return Verdict(row, limit, False, f"wrong: {row.disagreement}")
    passed = row.ratio.median >= limit
    said = "fast enough" if passed else "too slow"
    how = "" if decides(row.ratio, limit) else ", by the median alone: the budget is spent"
    return Verdict(row, limit, passed, said + how)


def _ratios(document: dict[str, Any]) -> dict[Key, Measured]:
    try:
        rows = [Measured.from_dict(row) for row in document["operations"]]
        networks = [
            Measured("epoch", row["name"], row["dtype"], None, 0.0, 0.0, Spread(**row["peers"]["numpy"]["ratio"]))
            for row in document["networks"]
            if "ratio" in row["peers"].get("numpy", {})
        ]
    except (KeyError, TypeError) as error:
        raise ValueError(f"the results hold a row that cannot be read: {error!r}") from None
    return {row.key: row for row in (*rows, *networks)}


def limits_of(document: dict[str, Any], factor: float) -> dict[Key, float]:
    """Return what a new measurement has to reach: the low ends of saved intervals, divided by `factor`."""
    return {key: row.ratio.low / factor for key, row in _ratios(document).items() if row.ratio is not None}


@dataclass(frozen=True)
class Change:
    """An operation in two saved results."""

    key: Key
    before: Spread
    after: Spread | None  # None where its results are wrong now
    passed: bool
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        operation, size, dtype = self.key
        after = None if self.after is None else self.after._asdict()
        return {
            "operation": operation, "size": size, "dtype": dtype, "before": self.before._asdict(), "after": after,
            "passed": self.passed, "reason": self.reason,
        }  # fmt: skip


def changes(before: dict[str, Any], after: dict[str, Any], factor: float) -> list[Change]:
    """Compare the ratios reference / compiled of two saved results.

    The reference is the yardstick: both implementations were timed in one run, so the ratio hardly depends on how
    busy a machine was. It does depend on the machine, so both should come from one.

    Parameters
    ----------
    before, after : dict
        Documents of `fastnet.bench.results`.
    factor : float
        How much smaller a ratio may have become.

    Returns
    -------
    list of Change
        For everything that stands in both. A change counts as a regression if the median has fallen by more than
        `factor` and the intervals do not overlap.

    Raises
    ------
    ValueError
        If a document is damaged, or nothing stands in both.
    """
    old, new = _ratios(before), _ratios(after)
    common = [key for key in old if key in new]
    if not common:
        raise ValueError("the two results have nothing in common")
    found = []
    for key in common:
        then, now = old[key].ratio, new[key].ratio
        if then is None:
            continue  # it was wrong before: there is nothing to hold it against
        if now is None:
            found.append(Change(key, then, None, False, f"wrong: {new[key].disagreement}"))
            continue
        slower = then.median / now.median
        apart = now.high < then.low
        reason = f"{slower:.2f} times slower" if slower > 1 else f"{1 / slower:.2f} times faster"
        reason += "" if apart or now.low > then.high else ", within the noise"
        found.append(Change(key, then, now, not (slower > factor and apart), reason))
    return found


def fell_short(verdicts: Sequence[Verdict | Change]) -> list[Verdict | Change]:
    """Return those that did not pass."""
    return [verdict for verdict in verdicts if not verdict.passed]
