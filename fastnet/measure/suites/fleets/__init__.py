"""Many networks at once: fleets, ensembles and searches beside loops, `vmap`, and scikit-learn's processes."""

from fastnet.measure.suites.fleets.rows import CASES, doubts, measure, measure_all, section

__all__ = ["CASES", "doubts", "measure", "measure_all", "section"]
