"""One table of cases over every operation, for tests, for the gate and for benchmarks."""

from fastnet.cases.activations import activation_cases
from fastnet.cases.case import (
    DTYPES,
    Arguments,
    Case,
    compare_results,
    difference,
    run,
    tolerances,
)
from fastnet.cases.dropout import dropout_cases
from fastnet.cases.losses import loss_cases
from fastnet.cases.networks import inference_case, inference_cases, network
from fastnet.cases.optimizers import HYPERPARAMETERS, SLOTS, optimizer_cases
from fastnet.cases.products import product_cases
from fastnet.cases.training import Training
from fastnet.cases.trainings import training_case, training_cases

CASES = [
    *product_cases(),
    *activation_cases(),
    *dropout_cases(),
    *loss_cases(),
    *optimizer_cases(),
    *inference_cases(),
    *training_cases(),
]

__all__ = [
    "CASES",
    "DTYPES",
    "HYPERPARAMETERS",
    "SLOTS",
    "Arguments",
    "Case",
    "Training",
    "compare_results",
    "difference",
    "inference_case",
    "network",
    "run",
    "tolerances",
    "training_case",
]
