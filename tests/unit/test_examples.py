"""The examples run as they stand, and what they print is true."""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def printed_by(name: str, folder: Path) -> dict[str, str]:
    """What a program of examples/ prints, by the name before each colon; run from another folder."""
    command = [sys.executable, str(ROOT / "examples" / name)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    finished = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert finished.returncode == 0, finished.stderr
    return dict(line.split(": ") for line in finished.stdout.splitlines())


@pytest.mark.slow
def test_certify_in_ten_lines(tmp_path: Path) -> None:
    """The label is right, and the certified radius is not above the exact one, the image's distance to the boundary:
    0.05 in each of 192 values."""
    exact = 0.05 * math.sqrt(3 * 8 * 8)
    printed = printed_by("certify_in_ten_lines.py", tmp_path)

    assert printed["label"] == "above"
    assert float(printed["exact radius"]) <= exact < float(printed["exact radius"]) + 1e-3
    assert 0.9 * exact < float(printed["certified radius"]) <= exact
