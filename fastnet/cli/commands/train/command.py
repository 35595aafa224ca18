"""`fastnet train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fastnet.cli import options
from fastnet.cli.commands.train import method_options as ways
from fastnet.cli.commands.train.config import check_unchanged, settings
from fastnet.cli.commands.train.config import write_config as write_options
from fastnet.cli.commands.train.method import Method, make_loss
from fastnet.cli.options import (
    Activation,
    Backend,
    Dtype,
    Init,
    OptimizerName,
    Preprocess,
)

Out = Annotated[Path, typer.Option(metavar="FILE", help="Where the model is saved.")]


EXAMPLES = """\b
Examples:
  fastnet train
  fastnet train mnist/ --epochs 5
  fastnet train measurements.csv --label kind --hidden 64,32
  fastnet train --recipe kaggle-relu train.csv
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
    test_fraction: options.TestFraction = None,
    test_samples: options.TestSamples = None,
    preprocess: options.PreprocessOption = Preprocess.scale,
    cache_data: options.CacheData = False,
    mmap: options.Mmap = False,
    backend: options.BackendOption = Backend.numba,
    threads: options.Threads = None,
    out: Out = Path("model.safetensors"),
    json: options.Json = False,
    loss: ways.LossOption = ways.LossName.cross_entropy,
    label_smoothing: ways.LabelSmoothing = 0.0,
    no_bias: ways.NoBias = False,
    steps: ways.Steps = None,
    every: ways.Every = None,
    sampling: ways.SamplingOption = ways.SamplingName.shuffle,
    schedule: ways.ScheduleOption = ways.ScheduleName.constant,
    l2: ways.L2 = 0.0,
    dropout: ways.Dropout = 0.0,
    patience: ways.Patience = None,
    max_time: ways.MaxTime = None,
    find_lr: ways.FindLr = False,
    plot: ways.PlotFile = None,
    config: ways.Config = None,
    write_config: ways.WriteConfig = None,
    checkpoint: ways.Checkpoint = None,
    checkpoint_every: ways.CheckpointEvery = 1,
    resume: ways.Resume = None,
    report: options.Report = None,
    recipe: options.RecipeName = None,
    better: options.Better = False,
) -> int:
    """Train a network that tells classes apart, and save it.

    Integers from 0 to 255 are scaled by the largest of them and other features are taken as they are, unless
    --preprocess says otherwise. Data without a test part has a share of every class held out. Ctrl-C ends training
    early and saves what there is.
    """
    from fastnet.cli.output import check_outputs
    from fastnet.cli.settings import check_clipping, check_threads, hidden_sizes, make_optimizer, samples_per_step

    if resume is not None:
        if config is not None:
            raise ValueError("--resume and --config both bring options, and both were given")
        check_unchanged(options.given(context), context.default_map or {})
    check_threads(backend, threads)
    check_outputs(
        data, out, {"--report": report, "--checkpoint": checkpoint, "--plot": plot, "--write-config": write_config}
    )
    if recipe is not None:
        from fastnet.cli.commands.train.recipe_job import make_recipe_job

        return make_recipe_job(
            recipe, better, options.given(context), data, label, cache_data, seed, str(backend), threads, out, json,
            report,
        ).run()  # fmt: skip
    if better:
        raise ValueError("--better needs --recipe NAME")
    sizes, n_batch = hidden_sizes(hidden), samples_per_step(batch_size)
    rule = make_optimizer(optimizer, lr, momentum, weight_decay)
    check_clipping(clip_norm, clip_value)
    if dropout and not sizes:
        raise ValueError("--dropout drops activations of hidden layers, and --hidden none has none")
    if find_lr and report is not None:
        raise ValueError("--find-lr trains nothing: no --report")
    if steps is not None and "epochs" in options.given(context):
        raise ValueError("--steps stands for --epochs, and both were given")
    method = Method(
        make_loss(str(loss), label_smoothing), not no_bias, str(sampling), str(schedule), l2, dropout, steps, every,
        checkpoint, checkpoint_every, resume, find_lr, plot, patience, max_time, settings(context),
    )  # fmt: skip
    if write_config is not None:
        write_options(context, write_config)

    from fastnet.cli.commands.train.job import Job

    return Job(
        data, label, test_fraction, sizes, str(activation), str(init), str(dtype), epochs, n_batch, rule, clip_norm,
        clip_value, seed, str(backend), threads, out, json, test_samples, cache_data, mmap, str(preprocess), method,
        report,
    ).run()  # fmt: skip
