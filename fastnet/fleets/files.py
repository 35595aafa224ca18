"""A fleet as one safetensors file: the tensors of each network, and its description as models have one."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from fastnet.inference import loss_name
from fastnet.models.document import Tensors, from_document, to_document
from fastnet.models.files import content_of, guarded, read_safetensors, to_safetensors
from fastnet.models.model import Model
from fastnet.network import Network
from fastnet.output.atomic import replacing

FORMAT = "fastnet-fleet-1"


def save_networks(path: str | os.PathLike[str], networks: Sequence[Network], losses: Sequence[Any]) -> None:
    """Write networks and the losses they are trained with, beside the path first and then renamed."""
    tensors: Tensors = {}
    members = []
    for i, (network, loss) in enumerate(zip(networks, losses, strict=True)):
        own, metadata = to_document(Model(network, loss_name(loss)))
        tensors |= {f"networks.{i}.{name}": tensor for name, tensor in own.items()}
        members.append(metadata)
    content = to_safetensors(tensors, {"format": FORMAT, "networks": json.dumps(members)})
    with replacing(path) as file:
        file.write(content)


def load_models(path: str | os.PathLike[str]) -> list[Model]:
    """Read what `save_networks` wrote; ValueError, which begins with the path, for what is something else."""
    content = content_of(path, "a fleet, as Fleet.save writes")
    tensors, metadata = guarded(f"{path}: not a readable safetensors file", read_safetensors, content)
    if metadata.get("format") != FORMAT:
        raise ValueError(f"{path}: not a fleet of fastnet: format is {metadata.get('format')!r}, not {FORMAT!r}")
    models: list[Model] = guarded(f"{path}: damaged fleet", _members, tensors, metadata)
    return models


def _members(tensors: Tensors, metadata: Mapping[str, str]) -> list[Model]:
    members = json.loads(metadata["networks"])
    parts: list[Tensors] = [{} for _ in members]
    for name, tensor in tensors.items():
        _, number, rest = name.split(".", 2)
        parts[int(number)][rest] = tensor
    return [from_document(own, member) for own, member in zip(parts, members, strict=True)]
