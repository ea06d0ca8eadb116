"""A data set in parts, killed and resumed, beside one process: whether the files are the same, byte for byte.

    python -m benchmarks.studies.parts --images 20000 --parts 8 --kills 1 --folder evaluations/parts

Draws images of the linear oracle into sheets, evaluates them in parts by `--launch local`, kills the launcher and all
of its jobs whenever so many more rows are there, types the same command again, and evaluates the same images in one
process. What is there of an earlier run in the folder goes on. The last line is JSON, with the peak of the memory of
the largest process; exit code 1 where the files differ.

Cost: images x 120 samples, twice; 20,000 images take some minutes on two cores.
"""

import filecmp
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image

from workers.commands.in_parts import MERGED
from workers.evaluation.attacks.oracle_images import OracleImages
from workers.evaluation.data.sheets import SHEET_COLUMNS, SHEET_IMAGES, SHEET_ROWS, SHEET_SIDE
from workers.evaluation.parts.merging import whole_lines
from workers.evaluation.parts.part import all_parts

SPLIT = "all"
OPTIONS = ("--profile", "oracle-linear", "--n", "100", "--n0", "20", "--split", SPLIT, "--untimed")
WHITE = 255
LOOK_SECONDS = 0.2


def main(
    images: Annotated[int, typer.Option(min=1)] = 20_000,
    parts: Annotated[int, typer.Option(min=1)] = 8,
    kills: Annotated[int, typer.Option(help="How often everything is killed.", min=0)] = 1,
    kill_after: Annotated[int, typer.Option(help="More rows after which it is.", min=1)] = 1000,
    folder: Annotated[Path, typer.Option(help="Of the images and the rows.")] = Path("evaluations/parts"),
) -> None:
    """All of it."""
    data, run, whole = folder / "data", folder / "run", folder / "whole.jsonl"
    draw(data, OracleImages(images, SHEET_SIDE))
    launch = (data, *OPTIONS, "--launch", "local", "--parts", str(parts), "--output", run)
    killed_at = [kill(launch, run, parts, kill_after) for _ in range(kills)]
    in_parts = seconds_of(launch)
    alone = seconds_of((data, *OPTIONS, "--output", whole))
    is_same = filecmp.cmp(run / MERGED, whole, shallow=False)
    found = {"images": images, "parts": parts, "killed_at": killed_at, "rows": whole_lines(whole), "is_same": is_same}
    found |= {"seconds_in_parts": round(in_parts, 1), "seconds_alone": round(alone, 1)}
    print(json.dumps({**found, "peak_megabytes": peak_megabytes()}))
    raise typer.Exit(0 if is_same else 1)


def draw(folder: Path, images: OracleImages) -> None:
    """Sheets of the images, and their labels."""
    folder.mkdir(parents=True, exist_ok=True)
    labels = {"class_names": list(images.class_names), SPLIT: list(images.labels)}
    (folder / "labels.json").write_text(json.dumps(labels), encoding="utf-8")
    for number in range(-(-len(images) // SHEET_IMAGES)):
        path = folder / f"{SPLIT}-{number:05}.png"
        if not path.exists():
            sheet(images, number).save(path)


def sheet(images: OracleImages, number: int) -> Image.Image:
    """Tiles beyond the last image are black."""
    tiles = np.zeros((SHEET_IMAGES, SHEET_SIDE, SHEET_SIDE, 3), dtype=np.uint8)
    for place, index in enumerate(range(number * SHEET_IMAGES, min(len(images), (number + 1) * SHEET_IMAGES))):
        tiles[place] = (images.image(index).transpose(1, 2, 0) * WHITE).round()
    rows = tiles.reshape(SHEET_ROWS, SHEET_COLUMNS, SHEET_SIDE, SHEET_SIDE, 3).transpose(0, 2, 1, 3, 4)
    return Image.fromarray(rows.reshape(SHEET_ROWS * SHEET_SIDE, SHEET_COLUMNS * SHEET_SIDE, 3))


def kill(arguments: Sequence[object], run: Path, parts: int, rows: int) -> int:
    """Starts the launcher in a group of its own, kills all of it after so many more rows, and counts all."""
    already = rows_in(run, parts)
    process = subprocess.Popen(command(arguments), start_new_session=True)
    while process.poll() is None and rows_in(run, parts) < already + rows:
        time.sleep(LOOK_SECONDS)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return rows_in(run, parts)


def rows_in(run: Path, parts: int) -> int:
    files = (part.file_in(run) for part in all_parts(parts))
    return sum(whole_lines(file) for file in files if file.exists())


def seconds_of(arguments: Sequence[object]) -> float:
    """Runs a command to its end, and tells how long it took."""
    started = time.perf_counter()
    subprocess.run(command(arguments), check=True)
    return time.perf_counter() - started


def peak_megabytes() -> int:
    """Of the largest process that was started and has ended."""
    return round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)


def command(arguments: Sequence[object]) -> list[str]:
    code = "from workers.commands.cli import main; main()"
    return [sys.executable, "-c", code, "evaluate", *map(str, arguments)]


if __name__ == "__main__":
    typer.run(main)
