"""A comparison that takes seconds: the linear oracle, bare and smoothed, and a method that is not there."""

from pathlib import Path

import numpy as np
from PIL import Image

from workers.evaluation.attacks.oracle_images import LABELS, OracleImages

SIDE = 32
HOSTILE = "<script>alert(1)</script> | \\input{secret} $x$ & 50% [a](b) *b* `c`"
ORACLE_CONFIG = """\
name = "oracle"
title = "The oracle"
description = "In seconds."
base = "smoothed"
sigma = [0.25]
n0 = 20
n = 100
alpha = 0.01
radii = [0.0, 0.1, 0.25]

[[method]]
name = "plain"
title = "Plain"
paper = "none"
profile = "oracle-linear"
smoothing = "no-smoothing"

[[method]]
name = "smoothed"
title = "Smoothed"
paper = "none"
profile = "oracle-linear"
smoothing = "denoised"

[[method]]
name = "absent"
title = "Absent"
paper = "none"
profile = "no-such-profile"
smoothing = "denoised"
recipe = "make absent"

[[set]]
path = "pictures"
name = "Pictures"
split = "all"

[[pair]]
sigma = 0.25
eps = 0.3

[attack]
modes = ["paper", "strong"]
steps = 3
m = 2
n = 50
"""


def write_pictures(folder: Path, images: int = 6) -> Path:
    """Class folders in `folder/pictures/all`, of images whose exact radius under the oracle is known."""
    found = OracleImages(count=images, side=SIDE)
    for index, label in enumerate(found.labels):
        path = folder / "pictures" / "all" / LABELS[label] / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = (found.image(index).transpose(1, 2, 0) * 255).round().astype(np.uint8)
        Image.fromarray(pixels).save(path)
    return folder / "pictures"


def write_comparison(folder: Path, text: str = ORACLE_CONFIG, images: int = 6) -> Path:
    """The file of the comparison, with the pictures beside it."""
    write_pictures(folder, images)
    path = folder / "oracle.toml"
    path.write_text(text)
    return path


def without_methods(text: str, *names: str) -> str:
    """The same comparison of fewer methods."""
    tables = text.split("\n[[")
    gone = tuple(f'method]]\nname = "{name}"' for name in names)
    return "\n[[".join(table for table in tables if not table.startswith(gone))
