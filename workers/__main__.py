"""`python -m workers`: one worker, set up by the environment."""

import sys

from pydantic import ValidationError

from adapters.settings import Settings
from robustify.errors import RobustifyError
from workers.wiring import run_worker


def main() -> None:
    """Says in one line why there is no worker."""
    try:
        run_worker(Settings())
    except (RobustifyError, ValidationError) as error:
        sys.exit(f"robustify: {error}")


if __name__ == "__main__":
    main()
