"""Measured costs of a step, and what a check by ranks of this machine finds."""

import pytest
from launching import needs_mpi

from fastnet.distributed.cost import LINKS
from fastnet.measure import scaling
from fastnet.measure.scaling import Scaling

PLAN = Scaling((6, 5, 3), 64, 4, 1)


@pytest.fixture(scope="module")
def costs():
    return scaling.measure(PLAN, [2, 8, 64, 128], seconds=0.001)


def test_costs_are_of_all_sizes_of_shards(costs):
    assert sorted(costs.gradient) == [1, 8, 16]
    assert costs.n_bytes == 4 * (7 * 5 + 6 * 3)
    assert min(*costs.gradient.values(), costs.add, costs.update) > 0


def test_ranks_without_rows_are_left_out(costs):
    rows = scaling.predictions(PLAN, costs, LINKS, [2, 8, 64, 128])
    assert [row["ranks"] for row in rows if row["link"] == LINKS[0].name] == [2, 8, 64]
    assert all(row["efficiency"] > 0 and row["step_ms"] > 0 for row in rows)


@needs_mpi
def test_a_check_measures_what_it_predicted(costs):
    one, two = scaling.check(PLAN, costs, seconds=0.01)
    assert (one["ranks"], two["ranks"]) == (1, 2)
    assert min(one["measured_ms"], two["measured_ms"], two["latency_us"], two["bandwidth_gbit"]) > 0
    assert one["measured_efficiency"] == 1


def test_a_missing_mpiexec_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(scaling.sys, "executable", str(tmp_path / "python"))
    with pytest.raises(FileNotFoundError, match="mpiexec is not on the path"):
        scaling.mpiexec()
    monkeypatch.setattr(scaling, "require", lambda: None)
    with pytest.raises(FileNotFoundError, match="mpiexec is not on the path"):
        scaling.require_mpi()
