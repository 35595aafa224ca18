"""The reference: every operation of fastnet in plain NumPy, written to be read.

It is the textbook twin of the compiled kernels: the same file names, function names and argument order, and
the arithmetic that the kernels are tested against. It imports NumPy, and of fastnet the checks of arguments alone.

Samples are rows: x has shape (n_samples, n_features). Every operation keeps its dtype, float32 or float64,
for any strides, and takes 0 or 1 samples like any other number. A wrong type or dtype raises TypeError; a
wrong shape or value raises ValueError; both name the argument, what came and what was expected. A result goes
to `out` where that is given, and never shares memory with an input otherwise. Infinities and NaN follow IEEE
arithmetic in silence: no operation emits a floating-point warning, as compiled code emits none.
"""

from fastnet.reference.activations import (
    identity_backward,
    identity_forward,
    relu_backward,
    relu_forward,
    sigmoid_backward,
    sigmoid_forward,
    tanh_backward,
    tanh_forward,
)
from fastnet.reference.dropout import dropout_backward, dropout_forward, dropout_key
from fastnet.reference.gradients import loss_gradient
from fastnet.reference.linear import (
    linear_backward,
    linear_forward,
    linear_relu_backward,
    linear_relu_forward,
)
from fastnet.reference.losses import (
    binary_cross_entropy_backward,
    binary_cross_entropy_forward,
    softmax_cross_entropy_backward,
    softmax_cross_entropy_forward,
    softmax_squared_error_backward,
    softmax_squared_error_forward,
)
from fastnet.reference.matmul import matmul_backward, matmul_forward
from fastnet.reference.optimizers import adam_step, adamw_step, momentum_step, sgd_step
from fastnet.reference.rectifiers import (
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
from fastnet.reference.regression_losses import (
    absolute_error_backward,
    absolute_error_forward,
    huber_backward,
    huber_forward,
    poisson_backward,
    poisson_forward,
    squared_error_backward,
    squared_error_forward,
)
from fastnet.reference.softmax import (
    log_softmax_backward,
    log_softmax_forward,
    softmax_backward,
    softmax_forward,
)
from fastnet.reference.training import (
    Totals,
    layer_slices,
    predict_logits,
    prepare_training,
    train_epoch,
)

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
