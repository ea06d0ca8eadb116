"""Turns pip's resolution of pyproject.toml (`pip install --dry-run --report -`) into a lock file: `make lock`."""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

HEADER = """\
# Every package that the project needs, at the version it was tested with; read by the Makefile, CI and the images.
# Made by `make lock` from pyproject.toml: change the bounds there, not the pins here.
"""
LINUX_ONLY = ("cuda-", "nvidia-", "triton")
"""CUDA comes as packages of its own on Linux; elsewhere there is none, and torch does not ask for it."""


def pins(report: Mapping[str, Any], project: str) -> Iterator[str]:
    """One line for each package of pip's report except the project itself."""
    packages = {
        item["metadata"]["name"].lower().replace("_", "-"): item["metadata"]["version"] for item in report["install"]
    }
    for name, version in sorted(packages.items()):
        marker = ' ; sys_platform == "linux"' if name.startswith(LINUX_ONLY) else ""
        if name != project:
            yield f"{name}=={version}{marker}"


if __name__ == "__main__":
    print(HEADER + "\n".join(pins(json.load(sys.stdin), project="robustify")))
