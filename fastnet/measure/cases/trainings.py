"""Cases of training, of what prepares it, and of gradients of the loss.

A step is compiled in stages: one for each optimizer and kind of first layer, for each activation, for each loss. So
every one of them is in a case or two, beside everything that can be asked of training, and few are in every case:
what is compiled for one case is what others need as well. More pairs of them are left to the exhaustive tests.
"""

from __future__ import annotations

import numpy as np

from fastnet.measure.cases.case import Case
from fastnet.measure.cases.training import Training

TRAININGS = [
    Training(0, (3, 2), (), "cross_entropy", "sgd", 4),
    Training(1, (1, 1), (), "squared_error", "sgd", 1),
    Training(5, (4, 1), (), "cross_entropy", "momentum", 2),
    Training(11, (5, 7, 3), ("relu",), "cross_entropy", "sgd", 4),
    Training(9, (5, 7, 3), ("tanh",), "binary_cross_entropy", "nesterov", 1),
    Training(17, (5, 33, 17, 2), ("sigmoid", "tanh"), "squared_error", "adam", 5, step=2),
    Training(12, (6, 31, 19), ("identity",), "cross_entropy", "adamw", 4),  # rows of W and b are whole tiles
    Training(21, (20, 33, 10), ("relu",), "cross_entropy", "adam", 7, np.uint8),
    Training(20, (7, 12, 32), ("relu",), "binary_cross_entropy", "sgd", 13, np.uint8),
    Training(600, (13, 16, 4), ("relu",), "cross_entropy", "momentum", 600),  # in blocks
    Training(540, (9, 40, 2), ("tanh",), "squared_error", "adamw", 517),
    Training(290, (400, 5, 2), ("tanh",), "binary_cross_entropy", "adam", 270, np.uint8),  # few outputs of many inputs
    Training(40, (6, 130, 3), ("tanh",), "binary_cross_entropy", "momentum", 16, clip_norm=0.3, clip_value=0.05),
    Training(21, (256, 10), (), "absolute_error", "adam", 5, weighted=True, l2=2.0),  # inputs read where they are
    Training(
        290, (400, 5, 6, 2), ("silu", "gelu"), ("cross_entropy", 0.1), "nesterov", 270, np.uint8, step=(1 << 33) + 1,
        clip_norm=0.5, weighted=True, l2=0.2, dropout=(0.0, 0.3),
    ),
    Training(21, (20, 33, 10), ("softplus",), "huber", "adam", 7, np.uint8, l2=2.0),
    Training(17, (5, 33, 17, 4), ("elu", "leaky_relu"), "poisson", "adam", 5, dropout=(0.1, 0.6)),
    Training(40, (6, 99, 30), ("relu",), "softmax_squared_error", "adam", 9, weighted=True, clip_norm=0.1, bias=False),
    Training(41, (64, 150, 5, 2), ("elu", "relu"), "cross_entropy", "nesterov", 16, dropout=(0.3, 0.0), filled=0.3),
    Training(17, (5, 33, 17, 4), ("selu", "silu"), ("cross_entropy", 0.1), "adam", 5, grouped=True, scaled=True),
    Training(9, (5, 7, 3), ("relu",), ("quantile", (0.1, 0.5, 0.9)), "sgd", 1, grouped=True),
]  # fmt: skip
MORE_TRAININGS = [
    Training(33, (300, 7, 3), ("relu",), "cross_entropy", "momentum", 8),  # few outputs of many inputs, gathered
    Training(21, (256, 10), (), "squared_error", "adamw", 5),  # read where they are
    Training(300, (11, 31, 9), ("sigmoid",), "binary_cross_entropy", "adam", 1000, np.uint8),
    # limits
    Training(13, (5, 33, 17, 2), ("sigmoid", "tanh"), "squared_error", "sgd", 5, clip_norm=0.5),
    Training(11, (70, 7, 3), ("relu",), "cross_entropy", "adam", 4, clip_value=0.01),
    Training(600, (13, 16, 4), ("relu",), "cross_entropy", "sgd", 600, clip_norm=0.2),  # in blocks
    Training(540, (9, 40, 2), ("tanh",), "squared_error", "adamw", 517, clip_norm=0.3, clip_value=0.1),
    Training(33, (300, 7, 3), ("relu",), "cross_entropy", "sgd", 8, clip_norm=0.5),  # few outputs of many inputs
    Training(21, (256, 10), (), "squared_error", "adam", 5, clip_norm=2.0, clip_value=0.5),
    Training(290, (400, 5, 2), ("tanh",), "cross_entropy", "sgd", 270, np.uint8, clip_norm=0.5, clip_value=0.1),
    # weights, penalty, dropout, settings of losses
    Training(13, (5, 33, 17, 2), ("gelu", "silu"), "squared_error", "sgd", 5, weighted=True, l2=0.3),
    Training(11, (70, 7, 3), ("relu",), ("cross_entropy", 0.2), "adam", 4, dropout=(0.4,)),
    Training(40, (6, 130, 3), ("leaky_relu",), "binary_cross_entropy", "momentum", 16, l2=0.1, dropout=(0.5,)),
    Training(600, (13, 16, 4), ("elu",), "cross_entropy", "sgd", 600, weighted=True, l2=0.5),  # in blocks
    Training(540, (9, 40, 2), ("selu",), ("huber", 0.5), "adamw", 517, weighted=True, dropout=(0.25,)),
    Training(33, (300, 7, 3), ("softplus",), "poisson", "sgd", 8, weighted=True),  # few outputs of many inputs
    Training(33, (300, 7, 3), ("sigmoid",), "softmax_squared_error", "sgd", 8, bias=False),
    Training(600, (13, 18, 4), ("sigmoid",), "softmax_squared_error", "adamw", 600, bias=False),  # in blocks
    # groups of parameters, factors of inputs
    Training(600, (33, 16, 4), ("relu",), "cross_entropy", "adamw", 600, grouped=True, scaled=True),  # in blocks
    Training(40, (6, 130, 3), ("relu",), "squared_error", "nesterov", 16, np.uint8, l2=0.1, grouped=True, scaled=True),
    Training(
        17, (5, 33, 4), ("tanh",), "cross_entropy", "sgd", 4, weighted=True, bias=False, grouped=True, scaled=True
    ),
    # inputs that are mostly zeros
    Training(60, (70, 33, 3), ("tanh",), "cross_entropy", "adam", 16, filled=0.2),
    Training(300, (130, 18, 4), ("relu",), "squared_error", "sgd", 290, np.uint8, weighted=True, l2=0.1, filled=0.1),
    Training(20, (33, 12, 3), ("relu",), "cross_entropy", "adamw", 1, clip_norm=0.5, bias=False, filled=0.2),
]
REALISTIC_TRAININGS = [Training(128, (784, 128, 10), ("relu",), "cross_entropy", "sgd", 32, np.uint8)]
MORE_REALISTIC_TRAININGS = [
    Training(256, (784, 10, 10), ("relu",), "cross_entropy", "adam", 128),
    Training(256, (784, 128, 10), ("relu",), "cross_entropy", "sgd", 64, filled=0.19),
    Training(
        256, (784, 128, 10), ("gelu",), ("cross_entropy", 0.1), "adamw", 64, weighted=True, l2=0.01, dropout=(0.2,)
    ),
    Training(
        512, (50, 256, 256, 256, 10), ("selu",) * 3, ("cross_entropy", 0.1), "adam", 256, grouped=True, scaled=True
    ),
]
GRADIENTS = [
    Training(1, (1, 1), (), "squared_error", "sgd", 1),
    Training(11, (5, 7, 3), ("relu",), "cross_entropy", "sgd", 11, l2=0.1),
    Training(13, (5, 33, 17, 2), ("gelu", "silu"), "squared_error", "sgd", 13, weighted=True, l2=0.3),
    Training(40, (70, 7, 3), ("tanh",), "binary_cross_entropy", "sgd", 40, weighted=True),
    Training(600, (13, 16, 4), ("selu",), ("cross_entropy", 0.2), "sgd", 600, np.uint8, l2=0.5),  # in blocks
    Training(33, (300, 7, 3), ("softplus",), "poisson", "sgd", 33, weighted=True),
    Training(21, (256, 10), (), ("huber", 0.5), "sgd", 21, l2=2.0),
    Training(21, (256, 10), (), "softmax_squared_error", "sgd", 21, l2=2.0, bias=False),
]
REALISTIC_GRADIENT = Training(256, (784, 128, 10), ("relu",), "cross_entropy", "sgd", 256)
PREPARED = [
    Training(3, (2, 2), (), "squared_error", "sgd", 2),
    Training(17, (5, 33, 17, 2), ("sigmoid", "tanh"), "squared_error", "adam", 5, step=2),
    Training(90, (100, 20, 4), ("tanh",), "cross_entropy", "adam", 20, l2=1.0, filled=0.2),
]
MORE_PREPARED = [
    Training(40, (6, 130, 3), ("relu",), ("cross_entropy", 0.2), "momentum", 16, weighted=True, l2=0.1, dropout=(0.5,)),
    Training(600, (13, 16, 4), ("relu",), "cross_entropy", "adamw", 600, np.uint8, clip_norm=0.2),  # in blocks
]
REALISTIC_PREPARED = Training(1000, (20, 100, 10), ("relu",), "cross_entropy", "adam", 200, l2=1e-4)


def training_case(training: Training, realistic: bool = True, exhaustive: bool = False) -> Case:
    """Return the case of `train_epoch`."""
    make, bounds, updates = training.make, training.bounds, ("parameters", "state")
    return Case("train_epoch", str(training), make, bounds, updates, (), realistic, exhaustive)


def gradient_case(training: Training, realistic: bool = False) -> Case:
    """Return the case of `loss_gradient`."""
    make, bounds = training.make_gradient, training.gradient_bounds
    return Case("loss_gradient", str(training), make, bounds, realistic=realistic)


def prepared_case(training: Training, realistic: bool = False, exhaustive: bool = False) -> Case:
    """Return the case of `prepare_training`, which is worth as much as the epochs that it prepares."""
    size, make, bounds, updates = (
        str(training),
        training.make_prepared,
        training.prepared_bounds,
        ("parameters", "state"),
    )
    return Case("prepare_training", size, make, bounds, updates, (), realistic, exhaustive, training.two_epochs)


def training_cases() -> list[Case]:
    """Return all of them."""
    return [
        *(training_case(one, realistic=False) for one in TRAININGS),
        *(training_case(one, realistic=False, exhaustive=True) for one in MORE_TRAININGS),
        *(training_case(one) for one in REALISTIC_TRAININGS),
        *(training_case(one, exhaustive=True) for one in MORE_REALISTIC_TRAININGS),
        *(gradient_case(one) for one in GRADIENTS),
        gradient_case(REALISTIC_GRADIENT, realistic=True),
        *(prepared_case(one) for one in PREPARED),
        *(prepared_case(one, exhaustive=True) for one in MORE_PREPARED),
        prepared_case(REALISTIC_PREPARED, realistic=True),
    ]
