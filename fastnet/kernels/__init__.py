"""Compiled kernels: the operations of `fastnet.reference`, with the same names, arguments and results.

Each module here holds operations and is the twin of the reference's file of that name. What they are made of lies in
folders, each on those before it: `codegen` (what emits LLVM code), `runtime` (arrays as kernels see them, stages and
their addresses, claims of work, teams that change size), `tile` (the register tile, its operands and epilogues,
products of whole arrays, the optimizers' formulas) and `step` (the stages of a training step, with the kinds of first
layer in `first_layer`, losses in `loss` and inference in `inference`, and what a call makes ready). A step applies
activations, losses and dropout as their twins here do, by the functions that these have for one row; `training` and
`gradients` stand on top of it.

Where NUMBA_DISABLE_JIT is set nothing is compiled: this package then offers the functions of `fastnet.reference`
themselves, which a debugger can step through.
"""

from fastnet._jit import COMPILES

if COMPILES:
    from fastnet.kernels.activations import (
        identity_backward,
        identity_forward,
        relu_backward,
        relu_forward,
        sigmoid_backward,
        sigmoid_forward,
        tanh_backward,
        tanh_forward,
    )
    from fastnet.kernels.dropout import dropout_backward, dropout_forward, dropout_key
    from fastnet.kernels.gradients import loss_gradient
    from fastnet.kernels.linear import (
        linear_backward,
        linear_forward,
        linear_relu_backward,
        linear_relu_forward,
    )
    from fastnet.kernels.losses import (
        binary_cross_entropy_backward,
        binary_cross_entropy_forward,
        softmax_cross_entropy_backward,
        softmax_cross_entropy_forward,
        softmax_squared_error_backward,
        softmax_squared_error_forward,
    )
    from fastnet.kernels.matmul import matmul_backward, matmul_forward
    from fastnet.kernels.optimizers import adam_step, adamw_step, momentum_step, sgd_step
    from fastnet.kernels.rectifiers import (
        elu_backward,
        elu_forward,
        gelu_backward,
        gelu_forward,
        leaky_relu_backward,
        leaky_relu_forward,
        selu_backward,
        selu_forward,
        silu_backward,
        silu_forward,
        softplus_backward,
        softplus_forward,
    )
    from fastnet.kernels.regression_losses import (
        absolute_error_backward,
        absolute_error_forward,
        huber_backward,
        huber_forward,
        poisson_backward,
        poisson_forward,
        squared_error_backward,
        squared_error_forward,
    )
    from fastnet.kernels.softmax import (
        log_softmax_backward,
        log_softmax_forward,
        softmax_backward,
        softmax_forward,
    )
    from fastnet.kernels.training import Totals, layer_slices, predict_logits, prepare_training, train_epoch
else:
    from fastnet.reference import *  # noqa: F403

__all__ = [
    "Totals",
    "absolute_error_backward",
    "absolute_error_forward",
    "adam_step",
    "adamw_step",
    "binary_cross_entropy_backward",
    "binary_cross_entropy_forward",
    "dropout_backward",
    "dropout_forward",
    "dropout_key",
    "elu_backward",
    "elu_forward",
    "gelu_backward",
    "gelu_forward",
    "huber_backward",
    "huber_forward",
    "identity_backward",
    "identity_forward",
    "layer_slices",
    "leaky_relu_backward",
    "leaky_relu_forward",
    "linear_backward",
    "linear_forward",
    "linear_relu_backward",
    "linear_relu_forward",
    "log_softmax_backward",
    "log_softmax_forward",
    "loss_gradient",
    "matmul_backward",
    "matmul_forward",
    "momentum_step",
    "poisson_backward",
    "poisson_forward",
    "predict_logits",
    "prepare_training",
    "relu_backward",
    "relu_forward",
    "selu_backward",
    "selu_forward",
    "sgd_step",
    "sigmoid_backward",
    "sigmoid_forward",
    "silu_backward",
    "silu_forward",
    "softmax_backward",
    "softmax_cross_entropy_backward",
    "softmax_cross_entropy_forward",
    "softmax_forward",
    "softmax_squared_error_backward",
    "softmax_squared_error_forward",
    "softplus_backward",
    "softplus_forward",
    "squared_error_backward",
    "squared_error_forward",
    "tanh_backward",
    "tanh_forward",
    "train_epoch",
]
