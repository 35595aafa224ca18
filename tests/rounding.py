"""Expectations in long double, and tolerances that count roundings: units in the last place.

Computing exp(a) from a rounded a costs |a| units (|a| <= 104 where exp does not vanish in float32, 746 in float64), a
sum of n terms n, and exp, log, tanh themselves up to 4 each. Below the smallest normal number a kernel may flush to
zero.
"""

import numpy as np

LONG = np.longdouble


def units(dtype, n):
    return n * float(np.finfo(dtype).eps)


def tiny(dtype):
    return float(np.finfo(dtype).tiny)


def assert_close(actual, expected, dtype, n_units, atol=0.0):
    assert actual.shape == expected.shape
    assert actual.dtype == dtype
    np.testing.assert_allclose(actual, expected, rtol=units(dtype, n_units), atol=atol + tiny(dtype))
