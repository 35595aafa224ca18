"""What is compiled ahead is what people do, with the interfaces as they are: each thing is done, and told before."""

import pytest

from fastnet.cli.commands.cache.ahead import PURPOSES

TOLD = {"train": ["Trainer, float32"], "predict": ["Predictor, float32"]}
"""Purposes that take seconds; the others, which take a minute, are tested with the command."""


@pytest.mark.parametrize("purpose", TOLD)
def test_what_people_do_is_told_before_it_is_done(purpose):
    steps = PURPOSES[purpose]("float32")
    told = [next(steps)]
    assert told + list(steps) == TOLD[purpose]
