"""A child process that ends when its parent does, whatever ends the parent."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1


def die_with_parent() -> Callable[[], None] | None:
    """The `preexec_fn` of such a child, for one start: Linux sends it SIGTERM when the thread that starts it ends.

    None on other systems, where the parent's own clean-up has to do. The C library is loaded before the fork: between
    fork and exec nothing may be imported.
    """
    if not sys.platform.startswith("linux"):
        return None
    libc, parent = ctypes.CDLL(None), os.getpid()

    def ask_the_kernel() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # It has ended already, and the kernel will send nothing.
            os._exit(1)

    return ask_the_kernel
