"""Calls that run at once, in threads of this process."""

import contextlib
import threading

from fastnet.machine.threads import computing


def together(function, n_threads, seconds=60):
    """Call `function(thread)` in some threads at once, which may be left behind; return what it raised."""
    raised = []

    def call(thread):
        try:
            function(thread)
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=call, args=(thread,), daemon=True) for thread in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)
    assert not any(thread.is_alive() for thread in threads), "it hangs"
    return raised


@contextlib.contextmanager
def other_calls(n):
    """Let so many other threads compute."""
    begun, over = threading.Semaphore(0), threading.Event()

    def compute():
        with computing(2):
            begun.release()
            assert over.wait(60)

    threads = [threading.Thread(target=compute) for _ in range(n)]
    for thread in threads:
        thread.start()
    try:
        for _ in threads:
            assert begun.acquire(timeout=60)
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
