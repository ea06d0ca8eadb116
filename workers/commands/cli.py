"""The command line `robustify`. Options are the HTTP field names with dashes.

Exit 0 done, 1 failed, 2 bad usage, 3 done but for files that could not be used (`evaluate`, `attack`, `advise`,
`compare`), 130 after Ctrl-C, 143 after SIGTERM; `up` and `worker` end with 0 after both.
"""

import sys

from robustify.errors import InvalidInputError, RobustifyError
from workers.commands import (
    adapting,
    advising,
    asking,
    attacking,
    certificates,
    comparing,
    concepts,
    demo,
    keys,
    measuring,
    methods,
    models,
    previewing,
    profile_check,
    profile_new,
    profile_tune,
    profiles,
    prune,
    selftesting,
    serving,
    store,
    tasks,
)
from workers.commands.app import app, say_error
from workers.stop import orderly_termination

COMMANDS = (
    serving,
    asking,
    previewing,
    certificates,
    adapting,
    measuring,
    attacking,
    comparing,
    advising,
    concepts,
    methods,
    selftesting,
    profiles,
    tasks,
    profile_new,
    profile_check,
    profile_tune,
    models,
    keys,
    prune,
    store,
    demo,
)
"""Each of these puts its commands into the application when it is imported."""


def main() -> None:
    """Entry point: expected failures become one line and an exit code."""
    try:
        with orderly_termination():
            app()
    except InvalidInputError as error:
        say_error(error)
        sys.exit(2)
    except (RobustifyError, OSError) as error:
        say_error(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
