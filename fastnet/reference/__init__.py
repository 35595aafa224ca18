"""The reference: every operation of fastnet in plain NumPy, written to be read.

It is the textbook twin of the compiled kernels: the same file names, function names and argument order, and
the arithmetic that the kernels are tested against. It imports NumPy, and of fastnet the checks of arguments alone.

Samples are rows: x has shape (n_samples, n_features). Every operation keeps its dtype, float32 or float64,
for any strides, and takes 0 or 1 samples like any other number. A wrong type or dtype raises TypeError; a
wrong shape or value raises ValueError; both name the argument, what came and what was expected. A result goes
to `out` where that is given, and never shares memory with an input otherwise. Infinities and NaN follow IEEE
arithmetic in silence: no operation emits a floating-point warning, as compiled code emits none.
"""

from fastnet.reference import (
    activations,
    dropout,
    gated,
    gradients,
    linear,
    losses,
    matmul,
    optimizers,
    rectifiers,
    regression_losses,
    softmax,
    training,
)
from fastnet.reference.activations import *  # noqa: F403
from fastnet.reference.dropout import *  # noqa: F403
from fastnet.reference.gated import *  # noqa: F403
from fastnet.reference.gradients import *  # noqa: F403
from fastnet.reference.linear import *  # noqa: F403
from fastnet.reference.losses import *  # noqa: F403
from fastnet.reference.matmul import *  # noqa: F403
from fastnet.reference.optimizers import *  # noqa: F403
from fastnet.reference.rectifiers import *  # noqa: F403
from fastnet.reference.regression_losses import *  # noqa: F403
from fastnet.reference.softmax import *  # noqa: F403
from fastnet.reference.training import *  # noqa: F403

__all__ = [
    *activations.__all__,
    *dropout.__all__,
    *gated.__all__,
    *gradients.__all__,
    *linear.__all__,
    *losses.__all__,
    *matmul.__all__,
    *optimizers.__all__,
    *rectifiers.__all__,
    *regression_losses.__all__,
    *softmax.__all__,
    *training.__all__,
]
