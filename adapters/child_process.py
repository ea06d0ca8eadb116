"""A child process that ends when its parent does, whatever ends the parent."""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

PR_SET_PDEATHSIG = 1
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def die_with_parent() -> Callable[[], None] | None:
    """The `preexec_fn` of such a child, for one start: Linux sends it SIGTERM when the thread that starts it ends.

    None on other systems, where the parent's own clean-up has to do. The C library is loaded before the fork: between
    fork and exec nothing may be imported.
    """
    if not sys.platform.startswith("linux"):
        return None
    return partial(_ask_the_kernel, ctypes.CDLL(None), os.getpid())


def end_with(parent: int) -> None:
    """Call it in a child that runs Python already: from here on it ends when its parent does."""
    if sys.platform.startswith("linux"):
        _ask_the_kernel(ctypes.CDLL(None), parent)


def _ask_the_kernel(libc: ctypes.CDLL, parent: int) -> None:
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # It has ended already, and the kernel will send nothing.
        os._exit(1)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Start children in such a block: in the main thread, signals to stop wait until it is over.

    Python runs handlers in the middle of a fork too, and there it ignores what they raise: the signal would be lost.
    """
    waiting: list[int] = []
    is_main_thread = threading.current_thread() is threading.main_thread()
    handlers = {number: signal.getsignal(number) for number in STOP_SIGNALS if is_main_thread}
    replaced = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in replaced:
        signal.signal(number, lambda number, frame: waiting.append(number))
    try:
        yield
    finally:
        for number, handler in replaced.items():
            signal.signal(number, handler)
        for waited in waiting:
            signal.raise_signal(waited)
