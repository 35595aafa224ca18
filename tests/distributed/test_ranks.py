"""The bits of 2 and 4 ranks are those of one process; checkpoints go from any number of ranks to any other."""

import json
import shutil
from pathlib import Path

import pytest
from launching import launch, needs_mpi
from mpi_runs import all_runs, checkpointed

PROGRAM = Path(__file__).parents[1] / "mpi_runs.py"

pytestmark = needs_mpi


def as_json(value):
    return json.loads(json.dumps(value))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Train by 4 ranks and then by 2, which go on from a checkpoint of the 4; a copy of that is left."""
    folder, found = tmp_path_factory.mktemp("ranks"), {}
    for n_ranks in (4, 2):
        code, output, errors = launch((n_ranks, PROGRAM, folder), folder=folder)
        assert (code, errors) == (0, "")
        found[n_ranks] = json.loads(output)
        if n_ranks == 4:
            shutil.copy(folder / "run.checkpoint", folder / "copy.checkpoint")
    return found, folder / "copy.checkpoint"


def test_ranks_have_the_bits_and_metrics_of_one_process(results):
    expected = as_json(all_runs(None))
    for found in results[0].values():
        assert {name: found[name] for name in expected} == expected


def test_checkpoints_go_on_with_other_numbers_of_ranks(results):
    found, path = results
    digest, metrics = found[4]["whole"]
    rest = [digest, [values[2:] for values in metrics]]
    assert found[2]["resumed"] == rest
    assert as_json(checkpointed(None, path, False)) == rest
