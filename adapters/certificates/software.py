"""Which releases computed a certificate, by their metadata: nothing is imported."""

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

DISTRIBUTIONS = {
    "robustify": "robustify",
    "torch": "torch",
    "diffusers": "diffusers",
    "open_clip": "open_clip_torch",
    "transformers": "transformers",
    "scipy": "scipy",
    "numpy": "numpy",
}


@cache
def software_versions() -> dict[str, str | None]:
    """Name to version; null for what is not installed."""
    return {"python": platform.python_version(), **{name: installed(name) for name in DISTRIBUTIONS}}


def installed(name: str) -> str | None:
    try:
        return version(DISTRIBUTIONS[name])
    except PackageNotFoundError:
        return None
