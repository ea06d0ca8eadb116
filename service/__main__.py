"""`python -m service`: the API, set up by the environment."""

import sys

from pydantic import ValidationError

from adapters.settings import Settings
from robustify.errors import RobustifyError
from service.serving.run import serve


def main() -> None:
    """Says in one line why there is no API."""
    try:
        serve(Settings())
    except (RobustifyError, ValidationError) as error:
        sys.exit(f"robustify: {error}")


if __name__ == "__main__":
    main()
