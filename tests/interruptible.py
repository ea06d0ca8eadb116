"""A child that a test interrupts."""

import signal
from collections.abc import Callable

from adapters.child_process import die_with_parent


def interruptible() -> Callable[[], None]:
    """The `preexec_fn` of such a child: it ends when the test does, and heeds SIGINT.

    What a shell starts in the background ignores SIGINT, and that is inherited, also from the tests.
    """
    end_with_the_test = die_with_parent()

    def prepare() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if end_with_the_test is not None:
            end_with_the_test()

    return prepare
