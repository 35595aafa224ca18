"""`fastnet info`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fastnet.cli import options

if TYPE_CHECKING:
    from fastnet.models import Model
    from fastnet.tables.encoding import TableEncoding

LABELS_SHOWN = 20

ModelPath = Annotated[Path | None, typer.Argument(metavar="MODEL", help="A model file.", show_default=False)]


def info(model: ModelPath = None, json: options.Json = False) -> int:
    """Describe this machine, or a model file.

    Without MODEL: versions, processor, threads and the measured peak performance.
    """
    from fastnet.cli.output import answer, print_rows

    if model is not None:
        return answer(_model_facts(model), json, lambda facts: print_rows(_model_rows(facts)))
    return answer(_facts(), json, lambda facts: print_rows(_rows(facts)))


def _rows(facts: dict[str, Any]) -> dict[str, str]:
    cpu, threads, peak, blas = facts["cpu"], facts["threads"], facts["fma_peak_gflops"], facts["blas"]
    name = f"{cpu['model']} ({cpu['name']})" if cpu["model"] else cpu["name"]
    return dict(facts["versions"]) | {
        "platform": facts["platform"],
        "processor": f"{name}, {cpu['vector_registers']} vector registers of {cpu['vector_bits']} bits",
        "compiled for": "this processor" if cpu["level"] == "native" else f"all processors of level {cpu['level']}",
        "threads": f"{_threads_row(threads)}; {threads['layer']}",
        "kernel cache": facts["kernel_cache"] or "no place for one: every process compiles anew",
        "NumPy's BLAS": "; ".join(f"{b['name']} {b['version']}, {b['threads']} threads" for b in blas) or "unknown",
        "FMA peak": "not measured: NUMBA_DISABLE_JIT is set"
        if peak is None
        else f"{peak['one_thread']:.0f} GFLOP/s with one thread, {peak['all_threads']:.0f} with all (float32)",
    }


def _facts() -> dict[str, Any]:
    from fastnet.compiler import policy
    from fastnet.measure.environment import environment

    machine, cache = environment(), policy.cache_directory()
    return {key: machine[key] for key in ("versions", "platform", "cpu", "blas")} | {
        "threads": _threads(machine["threading_layer"]),
        "kernel_cache": None if cache is None else str(cache),
        "fma_peak_gflops": _peak() if policy.COMPILES else None,
    }


def _threads(layer: str) -> dict[str, Any]:
    from fastnet.machine.cores import limits

    found = limits()
    least = min(found, key=lambda limit: limit.threads)
    return {
        "available": least.threads,
        "decided_by": least.reason,
        "limits": [limit._asdict() for limit in found],
        "layer": layer,
    }


def _threads_row(threads: dict[str, Any]) -> str:
    """Say how many threads a command takes by itself, what decides it, and what the other limits are."""
    decided = threads["decided_by"]
    others = [f"{limit['reason']}: {limit['threads']}" for limit in threads["limits"] if limit["reason"] != decided]
    return f"{threads['available']} by default, limited by {decided}" + (f" ({', '.join(others)})" if others else "")


def _peak() -> dict[str, Any]:
    from fastnet.measure.roofline import fma_peak

    return {"dtype": "float32", "one_thread": fma_peak(n_threads=1), "all_threads": fma_peak()}


def _model_facts(path: Path) -> dict[str, Any]:
    from fastnet.inspection.inputs import described
    from fastnet.models import load_model

    model = load_model(path)
    network, preprocessing = model.network, model.preprocessing
    return {
        "model": str(path),
        "version": model.version,
        "sizes": network.sizes,
        "activations": network.activations,
        "bias": network.bias,
        "dtype": str(network.dtype),
        "parameters": network.n_parameters,
        "input_scale": network.input_scale,
        "preprocessing": None
        if preprocessing is None
        else {"kind": _kind(model), "shift": preprocessing.shift.tolist(), "scale": preprocessing.scale.tolist()},
        "table": None if model.table is None else _table_facts(model.table),
        "inputs": described(_kind(model), network.input_scale, preprocessing),
        "loss": model.loss,
        "image_shape": model.image_shape,
        "labels": model.labels,
        "feature_names": model.feature_names,
        "label_name": model.label_name,
        "metrics": dict(model.metrics),
        "settings": dict(model.settings),
    }


def _table_facts(table: TableEncoding) -> dict[str, Any]:
    """Return what a model knows of the columns of tables, ready for JSON."""
    columns = table.columns
    categories = {name: list(known) for name, known in zip(columns.category_names, columns.categories, strict=True)}
    numbers = {
        name: {"fill": float(table.fill[i]), "shift": float(table.shift[i]), "scale": float(table.scale[i])}
        for i, name in enumerate(columns.number_names)
    }
    return {"columns": {name: categories.get(name) or numbers.get(name) for name in columns.names},
            "ignored": list(table.ignored)}  # fmt: skip


def _table_rows(table: dict[str, Any], label: str | None) -> dict[str, str]:
    """Say what columns a model takes, and which it ignores."""
    from fastnet.validation.frames import listed

    words = []
    for name, known in table["columns"].items():
        kind = (
            f"one of {listed(list(map(str, known)))}" if isinstance(known, list) else "a number" if known else "nothing"
        )
        words.append(f"{name!r}: {kind}")
    ignored = f"; ignored: {listed(table['ignored'])}" if table["ignored"] else ""
    return {"columns": "; ".join(words) + ignored + ("" if label is None else f"; predicts {label!r}")}


def _kind(model: Model) -> str | None:
    """Return which preprocessing a model was trained with, where it was noted."""
    kind = model.settings.get("preprocess")
    return kind if isinstance(kind, str) else None


def _model_rows(facts: dict[str, Any]) -> dict[str, str]:
    sizes = "-".join(map(str, facts["sizes"])) + "".join(f" {name}" for name in dict.fromkeys(facts["activations"]))
    sizes += "" if facts["bias"] else ", no biases"
    shape, labels = facts["image_shape"], facts["labels"] or ()
    more = f" and {len(labels) - LABELS_SHOWN:,} more" if len(labels) > LABELS_SHOWN else ""
    rows = {
        "model": facts["model"],
        "network": f"{sizes}, {facts['parameters']:,} {facts['dtype']} parameters",
        "loss": facts["loss"],
        "inputs": facts["inputs"],
        "images": "x".join(map(str, shape)) if shape else "no",
        "labels": ", ".join(map(str, labels[:LABELS_SHOWN])) + more if labels else "numbers from 0",
        "columns": _columns(facts["feature_names"], facts["label_name"]),
        "metrics": ", ".join(f"{name} {value:.6g}" for name, value in facts["metrics"].items()) or "none",
        "settings": _settings(facts["settings"]) or "none stored",
        "written by": f"fastnet {facts['version']}" if facts["version"] else "an older fastnet",
    }
    if facts["table"] is not None:
        rows |= {"inputs": f"{facts['sizes'][0]:,}, made of the columns"} | _table_rows(
            facts["table"], facts["label_name"]
        )
    if facts["loss"] in ("squared_error", "huber", "absolute_error", "poisson") and not labels:
        rows["labels"] = "none: numbers are predicted"
    return {name: _printable(text) for name, text in rows.items()}


def _columns(features: Sequence[str] | None, label: str | None) -> str:
    """Say what the columns of tables are called."""
    from fastnet.validation.frames import listed

    shown = "by position" if features is None else listed(features)
    return shown if label is None else f"{shown}; labels in {label!r}"


def _settings(settings: dict[str, Any]) -> str:
    """Say how a model was trained: what was set, without what the other lines tell and the history."""
    told = (
        "sizes", "activations", "bias", "parameters", "dtype", "input_scale", "preprocess", "loss", "trained_on",
        "history",
    )  # fmt: skip
    shown = []
    for name, value in settings.items():
        if name in told or value in (None, [], {}):
            continue
        if isinstance(value, dict):
            value = " ".join(f"{key} {one}" for key, one in value.items() if one is not None)
        elif isinstance(value, list):
            value = " ".join(map(str, value))
        shown.append(f"{name.replace('_', ' ')} {value}")
    return ", ".join(shown)


def _printable(text: str) -> str:
    """Spell out what would move a terminal's cursor: a file may hold any text."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
