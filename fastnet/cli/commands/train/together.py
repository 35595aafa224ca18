"""`fastnet train --ranks`: rank 0 alone prints and writes, and what goes wrong on one rank ends all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def together(ranks: str | None) -> Iterator[int]:
    """Run the block in step with other ranks, where they are asked for; yield the number of this one."""
    if ranks is None:
        yield 0
        return
    from fastnet.cli.errors import explain
    from fastnet.cli.signals import INTERRUPTED
    from fastnet.distributed.connecting import world
    from fastnet.distributed.failure import end_all

    rank = int(world().Get_rank())
    try:
        with _silent() if rank else contextlib.nullcontext():
            yield rank
    except KeyboardInterrupt:
        end_all("interrupted", INTERRUPTED)
        raise
    except FloatingPointError as error:
        end_all(explain(error), 1)
        raise
    except Exception as error:
        end_all(explain(error), 2)
        raise


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Send what is printed nowhere."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        yield
