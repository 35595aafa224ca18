"""The model of a step: what it is made of, and what it tends to."""

import math

import pytest

from fastnet.distributed.cost import LINKS, Costs, Link, efficiency, predict, shards_for

COSTS = Costs({1024: 0.1, 512: 0.05, 64: 0.007}, add=1e-3, update=2e-3, n_bytes=4_000_000)
LINK = Link("a link", latency=1e-5, bandwidth=1e9)


def test_parts_of_a_step_by_hand():
    one, four = (predict(COSTS, LINK, 8192, ranks, 8) for ranks in (1, 4))
    assert one == (1, 8, pytest.approx(8 * 0.102), 0.0, 2e-3)
    exchange = 4 * 2 * 1e-5 + 0.75 * (2 * 4e6 / 1e9 + 1e-3)
    assert four == (4, 8, pytest.approx(2 * 0.102), pytest.approx(exchange), 5e-4)
    assert efficiency(one, four) == pytest.approx(one.seconds / (4 * four.seconds))


def test_without_a_network_ranks_lose_only_what_they_add():
    free = Link("free", 0.0, math.inf)
    costs = COSTS._replace(add=0.0)
    one, eight = (predict(costs, free, 8192, ranks, 8) for ranks in (1, 8))
    assert efficiency(one, eight) == pytest.approx(1.0)


def test_slower_links_are_never_better():
    times = [predict(COSTS, link, 8192, 8, 8).seconds for link in LINKS]
    assert times[0] < times[2] < times[1]


def test_every_rank_has_a_shard():
    assert [shards_for(ranks, 8) for ranks in (1, 8, 128)] == [8, 8, 128]
    assert predict(COSTS, LINK, 8192, 128, 128).compute == pytest.approx(0.007 + 2e-3)
