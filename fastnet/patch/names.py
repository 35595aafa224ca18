"""What `sklearn.neural_network` calls `MLPClassifier` and `MLPRegressor`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

NAMES = ("MLPClassifier", "MLPRegressor")
"""Names of classes, the same in both packages."""

_MODULE = "sklearn.neural_network"

_replaced: dict[str, Any] = {}
"""What stood under a name before ours did."""


def patch_sklearn(names: str | Iterable[str] | None = None) -> None:
    """Put fastnet's estimators in place of scikit-learn's, for whoever imports them from then on.

    Call it before the imports that it is for: `from sklearn.neural_network import MLPClassifier` gives fastnet's class
    afterwards, and so does `sklearn.neural_network.MLPClassifier` wherever it is looked up. Modules that imported
    scikit-learn's class by its name before keep that, and so do objects that were made before. The private module in
    which scikit-learn defines its classes stays as it is, so that pickles of them can still be read. A second call
    changes nothing.

    Parameters
    ----------
    names : {"MLPClassifier", "MLPRegressor"} or iterable of them, optional
        Which names; both, if not given.

    Raises
    ------
    TypeError, ValueError
        For what is none of these names.

    See Also
    --------
    unpatch_sklearn : Undo it.

    Notes
    -----
    `python -m fastnet.patch script.py` runs a script so without a change to it.

    Examples
    --------
    >>> import fastnet
    >>> fastnet.patch_sklearn()
    >>> from sklearn.neural_network import MLPClassifier
    >>> MLPClassifier is fastnet.MLPClassifier
    True
    >>> fastnet.unpatch_sklearn()
    """
    chosen = _chosen(names)

    import sklearn.neural_network as theirs

    from fastnet import estimators as ours

    for name in chosen:
        standing = getattr(theirs, name)
        if standing is not getattr(ours, name):
            _replaced[name] = standing
            setattr(theirs, name, getattr(ours, name))


def unpatch_sklearn(names: str | Iterable[str] | None = None) -> None:
    """Put back what stood under scikit-learn's names before `patch_sklearn`.

    A name that something else took over in the meantime stays as it is, and so does one that was never replaced.

    Parameters
    ----------
    names : {"MLPClassifier", "MLPRegressor"} or iterable of them, optional
        Which names; both, if not given.

    Raises
    ------
    TypeError, ValueError
        For what is none of these names.

    Examples
    --------
    >>> import fastnet
    >>> fastnet.patch_sklearn("MLPRegressor")
    >>> fastnet.unpatch_sklearn()
    >>> from sklearn.neural_network import MLPRegressor
    >>> MLPRegressor is fastnet.MLPRegressor
    False
    """
    chosen = [name for name in _chosen(names) if name in _replaced]
    if not chosen:
        return

    from fastnet import estimators as ours

    theirs = sys.modules.get(_MODULE)
    for name in chosen:
        original = _replaced.pop(name)
        if theirs is not None and getattr(theirs, name) is getattr(ours, name):
            setattr(theirs, name, original)


def _chosen(names: Any) -> tuple[str, ...]:
    if names is None:
        return NAMES
    if not isinstance(names, str | Iterable):
        raise TypeError(f"names must be one or several of {', '.join(NAMES)}, got {type(names).__name__}")
    chosen = (names,) if isinstance(names, str) else tuple(dict.fromkeys(names))
    unknown = [name for name in chosen if name not in NAMES]
    if unknown:
        raise ValueError(f"names must be among {', '.join(NAMES)}, got {unknown[0]!r}")
    return chosen
