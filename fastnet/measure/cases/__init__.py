"""One table of cases over every operation, for tests, for the gate and for benchmarks."""

from fastnet.measure.cases.activations import activation_cases
from fastnet.measure.cases.case import DTYPES, Arguments, Case, compare_results, difference, run, tolerances
from fastnet.measure.cases.dropout import dropout_cases
from fastnet.measure.cases.losses import loss_cases
from fastnet.measure.cases.networks import inference_case, inference_cases, network
from fastnet.measure.cases.optimizers import HYPERPARAMETERS, STATE_NAMES, optimizer_cases
from fastnet.measure.cases.products import product_cases
from fastnet.measure.cases.training import Training
from fastnet.measure.cases.trainings import training_case, training_cases

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
    "STATE_NAMES",
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
