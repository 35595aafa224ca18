"""Compiled kernels: the operations of `fastnet.reference`, with the same names, arguments and results.

Each module here holds operations and is the twin of the reference's file of that name. What they are made of lies in
folders, each on those before it: `codegen` (what emits LLVM code, the optimizers' formulas too), `runtime` (arrays as
kernels see them, stages and their addresses, claims of work, teams that change size), `tile` (the register tile, its
operands and epilogues, products of whole arrays) and `step` (the stages of a training step, with the kinds of first
layer in `first_layer`, inference in `inference`, and what a call makes ready in `driver`). A step applies activations,
losses and dropout as their twins here do, by the functions that these have for one row; `training` and `gradients`
stand on top of it.

Where NUMBA_DISABLE_JIT is set nothing is compiled: this package then offers the functions of `fastnet.reference`
themselves, which a debugger can step through.
"""

from fastnet import reference
from fastnet.compiler.policy import COMPILES

if COMPILES:
    from fastnet.kernels.activations import *  # noqa: F403
    from fastnet.kernels.dropout import *  # noqa: F403
    from fastnet.kernels.gated import *  # noqa: F403
    from fastnet.kernels.gradients import *  # noqa: F403
    from fastnet.kernels.linear import *  # noqa: F403
    from fastnet.kernels.losses import *  # noqa: F403
    from fastnet.kernels.matmul import *  # noqa: F403
    from fastnet.kernels.optimizers import *  # noqa: F403
    from fastnet.kernels.rectifiers import *  # noqa: F403
    from fastnet.kernels.regression_losses import *  # noqa: F403
    from fastnet.kernels.softmax import *  # noqa: F403
    from fastnet.kernels.training import *  # noqa: F403
else:
    from fastnet.reference import *  # noqa: F403

__all__ = list(reference.__all__)
