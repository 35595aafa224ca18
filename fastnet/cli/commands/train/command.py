"""`fastnet train`."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import typer

from fastnet.cli import options
from fastnet.cli.commands.train import config as configuration
from fastnet.cli.commands.train import method_options as ways
from fastnet.cli.commands.train.together import together
from fastnet.cli.options import (
    Activation,
    Backend,
    Dtype,
    Init,
    OptimizerName,
    Preprocess,
)
from fastnet.cli.tables import options as tables

Out = Annotated[Path, typer.Option(metavar="FILE", help="Model file to write: .safetensors or .npz.")]


EXAMPLES = """\b
Examples:
  fastnet train
  fastnet train mnist/ --epochs 5
  fastnet train measurements.csv --label kind --hidden 64,32
  fastnet train houses.csv --label price --drop id
  fastnet train --recipe kaggle-relu train.csv
  fastnet train --recipe kaggle-relu train.csv --as-written
  mpiexec -n 4 fastnet train mnist/ --ranks mpi --batch-size 1024
"""


def train(
    context: typer.Context,
    data: options.TrainingData = None,
    hidden: options.Hidden = "128,64",
    activation: options.ActivationOption = Activation["relu"],
    init: options.InitOption = Init.auto,
    dtype: options.DtypeOption = Dtype.float32,
    epochs: options.Epochs = 60,
    batch_size: options.BatchSize = "32",
    optimizer: options.OptimizerOption = OptimizerName.adam,
    lr: options.LearningRate = None,
    momentum: options.Momentum = None,
    weight_decay: options.WeightDecay = None,
    clip_norm: options.ClipNorm = None,
    clip_value: options.ClipValue = None,
    seed: options.Seed = 0,
    label: options.Label = None,
    task: tables.TaskOption = None,
    columns: tables.Columns = None,
    drop: tables.Drop = None,
    categories: tables.Categories = None,
    delimiter: tables.Delimiter = None,
    decimal: tables.Decimal = None,
    encoding: tables.Encoding = None,
    test_fraction: options.TestFraction = None,
    test_samples: options.TestSamples = None,
    preprocess: options.PreprocessOption = Preprocess.auto,
    cache_data: options.CacheData = False,
    mmap: options.Mmap = False,
    backend: options.BackendOption = Backend.numba,
    threads: options.Threads = None,
    out: Out = Path("model.safetensors"),
    json: options.Json = False,
    quiet: ways.Quiet = False,
    loss: ways.LossOption = ways.LossName.cross_entropy,
    label_smoothing: ways.LabelSmoothing = 0.0,
    class_weight: ways.ClassWeightOption = None,
    no_bias: ways.NoBias = False,
    steps: ways.Steps = None,
    every: ways.Every = None,
    sampling: ways.SamplingOption = ways.SamplingName.shuffle,
    schedule: ways.ScheduleOption = ways.ScheduleName.constant,
    l2: ways.L2 = 0.0,
    dropout: ways.Dropout = 0.0,
    patience: ways.Patience = None,
    max_time: ways.MaxTime = None,
    shards: ways.Shards = None,
    ranks: ways.Ranks = None,
    find_lr: ways.FindLr = False,
    plot: ways.PlotFile = None,
    config: ways.Config = None,
    write_config: ways.WriteConfig = None,
    checkpoint: ways.Checkpoint = None,
    checkpoint_every: ways.CheckpointEvery = 1,
    resume: ways.Resume = None,
    report: options.Report = None,
    recipe: options.RecipeName = None,
    better: options.Better = None,
) -> int:
    """Train a network that predicts classes or numbers, and save it.

    Integers from 0 to 255 are divided by their maximum, other features are standardised; see --preprocess. Columns of
    a table may hold text, true and false, and gaps; --label and --task say which column is predicted, and how. If the
    data has no test set, a fifth of every class is held out for testing; see --test-fraction. Ctrl-C stops training
    early and saves the model as it is.
    """
    with together(ranks) as rank:
        return _run(context, SimpleNamespace(**locals()), options.given(context))


def _run(context: typer.Context, chosen: SimpleNamespace, given: dict[str, Any]) -> int:
    """Refuse what does not fit together before anything is read, and train; `chosen` are all options by name."""
    from fastnet.cli.commands.train import settings
    from fastnet.cli.errors import as_typed
    from fastnet.cli.output import check_outputs
    from fastnet.cli.settings import check_threads

    if chosen.resume is not None:
        if chosen.config is not None:
            raise ValueError("--resume and --config both bring options, and both were given")
        configuration.check_unchanged(given, context.default_map or {})
    check_threads(chosen.backend, chosen.threads)
    files = ("report", "checkpoint", "plot", "write_config")
    check_outputs(chosen.data, chosen.out, {f"--{name.replace('_', '-')}": getattr(chosen, name) for name in files})
    typed = {name: f"--{name.replace('_', '-')}" for name in context.params}
    if chosen.recipe is not None:
        from fastnet.cli.commands.train.recipe import changed_recipe, run_recipe

        with as_typed(typed):
            recipe = changed_recipe(chosen, given)
        return run_recipe(recipe, chosen, given)
    with as_typed(typed):
        how = settings.training_settings(chosen)
        settings.check(chosen, given)
    if chosen.write_config is not None and chosen.rank == 0:
        configuration.write_config(context, chosen.write_config)
    from fastnet.cli.commands.train.begin import run_plain

    return run_plain(chosen, how, configuration.settings(context))
