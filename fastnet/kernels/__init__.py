"""Compiled kernels: the operations of `fastnet.reference`, with the same names, arguments and results.

`linear`, `matmul`, `activations`, `rectifiers`, `softmax`, `losses`, `regression_losses`, `dropout`, `optimizers`,
`training` and `gradients` hold the operations, each the twin of the reference's file of that name. The others are what
they are made of, from the bottom up: `emit` (LLVM code), `updates` and `vector_updates` (the optimizers' formulas,
and the code that runs them), `simd`, `narrow_tiles` and `sparse_tiles` (register tiles), `elementary` and `units` (exp,
log, sigmoid, tanh; rectifiers, of one number each), `gemm` (panels and blocking), `layout` and `narrow` (a network in
memory), `bits` and `sparse` (inputs that are mostly zeros), `passes`, `loss_passes`, `update_passes`, `narrow_passes`,
`sparse_passes` and `clipping` (the parts of a training step), `parts` and `state` (how parts are called, and on what),
`epoch` (who does what when), `selection`, `teams` and `epochs` (what a call makes ready), `row` (one sample), and
smaller machinery.

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
