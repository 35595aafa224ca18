"""How `fastnet train` begins without a recipe: data, a network or a checkpoint, and the job."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.cli.commands.train.job import run_job
from fastnet.cli.commands.train.plain import PlainJob
from fastnet.cli.commands.train.settings import make_network
from fastnet.cli.commands.train.table import TableJob
from fastnet.cli.data import Parts, check_no_copy, load_parts
from fastnet.cli.output import print_rows
from fastnet.cli.tables import parts as tables
from fastnet.cli.tables.parts import TableParts
from fastnet.cli.tables.reading import may_be_mixed
from fastnet.datasets.files import MixedTableError, MixedTypeError
from fastnet.inference import Evaluation
from fastnet.training.checkpoints import load_checkpoint
from fastnet.training.history import Epoch
from fastnet.training.settings import TrainingSettings
from fastnet.training.trainer import Trainer


def run_plain(options: Any, how: TrainingSettings, kept: Mapping[str, Any]) -> int:
    """Read the data, train by options, or look for a learning rate; return the exit code."""
    kept_run = load_checkpoint(options.resume) if options.resume else None
    features = kept_run[0].feature_names if kept_run else None
    parts = _read(options, features, kept_run).prepared(str(options.dtype))
    if isinstance(parts, TableParts) and parts.task == "regression":
        how = _of_values(options, how)
    if options.mmap:
        check_no_copy(parts, str(options.dtype))
    if options.patience is not None:
        parts = parts.with_validation(options.seed)
    if kept_run is not None:
        trainer, before = _resumed(options, parts, how, *kept_run)
    else:
        network = make_network(options, parts.X.shape[1], parts.n_classes, parts.input_scale)
        trainer, before = Trainer.of(network, how, parts.feature_names), []
    weights = _weights(options, parts)
    length = {name: getattr(options, name) for name in ("epochs", "steps", "every", "patience", "max_time")}
    kind: Any = TableJob if isinstance(parts, TableParts) else PlainJob
    job: PlainJob = kind(
        options, trainer, (parts.X, parts.y), (parts.X_test, parts.y_test), parts.watched,
        {**length, "resume": options.resume is not None}, "validation" if parts.validation else "test", before, weights,
        parts=parts, kept=kept,
    )  # fmt: skip
    if not options.find_lr:
        return run_job(job, parts.feature_names)
    from fastnet.cli.commands.train.search import search_rate

    if not (options.json or options.quiet):
        print_rows(job.head())
    return search_rate(trainer, parts, options.plot, options.json)


def _read(options: Any, features: tuple[str, ...] | None, kept_run: Any) -> Parts:
    """Read data of plain numbers and classes, or else a table of numbers, categories and gaps."""
    is_table = kept_run is not None and kept_run[1].get("is_table")
    if is_table or tables.is_asked(options):
        return tables.load_table_parts(options)
    parts = _plain_parts(options, features)
    return tables.load_table_parts(options) if parts is None else parts


def _plain_parts(options: Any, features: tuple[str, ...] | None) -> Parts | None:
    """Read data of plain numbers and classes; None if it is a table of others, of which nothing is told yet."""
    is_plain, told = True, list[warnings.WarningMessage]()
    try:
        with warnings.catch_warnings(record=True) as told:
            return load_parts(options, features)
    except (MixedTableError, MixedTypeError):
        if not may_be_mixed(options):
            raise
        is_plain = False
        return None
    finally:
        for one in told if is_plain else ():
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)


def _of_values(options: Any, how: TrainingSettings) -> TrainingSettings:
    """Return settings for numbers to predict; ValueError for options that are of classes."""
    given = {"--label-smoothing": options.label_smoothing, "--class-weight": options.class_weight}
    wrong = next((option for option, value in given.items() if value), None)
    if str(options.loss) != "cross_entropy":
        wrong = f"--loss {options.loss}"
    if wrong is not None:
        raise ValueError(f"{wrong} is of classes, but numbers are to be predicted; --task classification makes classes")
    return replace(how, loss="squared_error")


def _weights(options: Any, parts: Parts) -> npt.NDArray[np.float64] | None:
    """Return weights of the samples, if classes are to have equal weight."""
    if options.class_weight is None:
        return None
    from fastnet.estimators.class_weights import weigh_classes

    return np.asarray(weigh_classes(str(options.class_weight), np.arange(parts.n_classes), parts.y, None))


def _resumed(
    options: Any, parts: Parts, how: TrainingSettings, kept: Trainer, notes: Mapping[str, Any]
) -> tuple[Trainer, list[Epoch]]:
    """Return the trainer of a checkpoint, and its metrics so far.

    Raises
    ------
    ValueError
        If the data is not of the shape that it was trained on.
    """
    expected, sizes = notes.get("samples"), kept.network.sizes
    found = (parts.X.shape[1], parts.n_classes)
    if (sizes[0], sizes[-1]) != found or expected != len(parts.X):
        raise ValueError(
            f"--resume {options.resume}: {len(parts.X)} samples of {found[0]} features and {found[1]} classes, "
            f"expected {expected} of {sizes[0]} and {sizes[-1]} as before"
        )
    if how.ranks is not None and kept.settings.shards is None:
        raise ValueError(f"--resume {options.resume}: a run without shards, which --ranks would cut its batches into")
    settings = replace(kept.settings, backend=how.backend, n_threads=how.n_threads, ranks=how.ranks)
    trainer = Trainer.of(kept.network, settings, kept.feature_names)
    trainer.state = kept.state
    epochs = [Epoch(**{**one, "validation": Evaluation(*one["validation"])}) for one in notes.get("metrics", [])]
    return trainer, epochs
