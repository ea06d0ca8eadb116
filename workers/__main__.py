"""`python -m workers`: one worker, set up by the environment."""

import sys

from pydantic import ValidationError

from adapters.settings import Settings
from robustify.errors import ModelError, RobustifyError
from workers.stop import NO_MODELS
from workers.wiring import run_worker


def main() -> None:
    """Says in one line why there is no worker."""
    try:
        run_worker(Settings())
    except ModelError as error:
        print(f"robustify: {error}", file=sys.stderr)
        sys.exit(NO_MODELS)
    except (RobustifyError, ValidationError) as error:
        sys.exit(f"robustify: {error}")


if __name__ == "__main__":
    main()
