"""`robustify evaluate` in parts, as it is typed; jobs are started by submitit, on this machine."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.command_line import Command, command_line
from workers.evaluation.attacks.oracle_images import OracleImages
from workers.evaluation.parts.part import Part, all_parts

robustify = pytest.fixture(command_line)

IMAGES, SIDE = 24, 32
OPTIONS = ("--profile", "oracle-linear", "--n", "100", "--n0", "20")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder of pictures for each class."""
    images = OracleImages(IMAGES, SIDE)
    for index in range(IMAGES):
        folder = tmp_path / "data" / images.class_names[index % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = (images.image(index).transpose(1, 2, 0) * 255).round().astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{index:04}.png")
    return tmp_path / "data"


@pytest.mark.slow
def test_parts_when_they_are_run_and_merged(robustify: Command, data: Path, tmp_path: Path) -> None:
    """Each writes its file and says so; what is merged is the file and the summary of one process."""
    folder, merged, whole = tmp_path / "parts", tmp_path / "merged.jsonl", tmp_path / "whole.jsonl"
    for part in all_parts(3):
        done = robustify("evaluate", data, *OPTIONS, "--untimed", "--part", part, "--output", folder, "--json")
        assert (done.returncode, json.loads(done.stdout)["images"]) == (0, 8)
    found = robustify("evaluate", data, *OPTIONS, "--merge", folder, "--output", merged, "--json")
    alone = robustify("evaluate", data, *OPTIONS, "--untimed", "--output", whole, "--json")
    assert merged.read_bytes() == whole.read_bytes()
    assert json.loads(found.stdout) == json.loads(alone.stdout)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--part", "4/3"], "a part is I/N"),
        (["--part", "1/3", "--merge", "x"], "exclude each other"),
        (["--launch", "local"], "--launch needs --parts"),
        (["--parts", "3"], "--launch needs --parts"),
        (["--launch-option", "timeout_min=5"], "--launch needs --parts"),
        (["--part", "1/3", "--sigma", "0.25", "--sigma", "0.5"], "a cascade is not done in parts"),
        (["--part", "1/3", "--attack", "x"], "--attack looks at all rows"),
        (["--merge", "nowhere"], "nowhere has no part-I-of-N.jsonl"),
        (["--launch", "local", "--parts", "2", "--launch-option", "timeout"], "is not NAME=VALUE"),
        (["--launch", "local", "--parts", "2", "--launch-option", "moon=1"], "submitit does not take that"),
        (["--launch", "slurm", "--parts", "2"], "submitit does not take that"),
    ],
)
def test_parts_when_they_are_asked_for_wrongly(
    robustify: Command, data: Path, tmp_path: Path, options: list[str], said: str
) -> None:
    """Bad usage, said before anything is computed."""
    done = robustify("evaluate", data, *OPTIONS, *options, "--output", tmp_path / "output")
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr


@pytest.mark.slow
def test_parts_when_other_options_are_merged(robustify: Command, data: Path, tmp_path: Path) -> None:
    """Bad usage: the rows are of other settings."""
    folder = tmp_path / "parts"
    robustify("evaluate", data, *OPTIONS, "--part", "1/1", "--output", folder)
    done = robustify("evaluate", data, *OPTIONS, "--sigma", "0.5", "--merge", folder, "--output", tmp_path / "merged")
    assert done.returncode == 2
    assert "part 1/1 in" in done.stderr
    assert not (tmp_path / "merged").exists()


@pytest.mark.slow
def test_launch_when_it_is_killed(robustify: Command, data: Path, tmp_path: Path) -> None:
    """Jobs that are killed with their launcher lose a row at most: the same command goes on to the file of one."""
    folder, whole = tmp_path / "run", tmp_path / "whole.jsonl"
    command = [
        "evaluate",
        str(data),
        *OPTIONS,
        "--untimed",
        "--launch",
        "local",
        "--parts",
        "3",
        "--output",
        str(folder),
    ]
    code = "from workers.commands.cli import main; main()"
    launcher = subprocess.Popen([sys.executable, "-c", code, *command], start_new_session=True)
    while not any(part.file_in(folder).exists() and part.file_in(folder).stat().st_size for part in all_parts(3)):
        assert launcher.poll() is None
        time.sleep(0.05)
    os.killpg(launcher.pid, signal.SIGKILL)
    launcher.wait()
    cut(Part(1, 3).file_in(folder))

    done = robustify(*command, "--json")
    assert done.returncode == 0, done.stderr
    robustify("evaluate", data, *OPTIONS, "--untimed", "--output", whole)
    assert (folder / "rows.jsonl").read_bytes() == whole.read_bytes()
    assert json.loads(done.stdout)["images"] == IMAGES
    again = robustify(*command, "--json")
    assert "launched" not in again.stderr
    assert again.stdout == done.stdout


def cut(path: Path) -> None:
    """As a kill in the middle of a line leaves it."""
    if path.exists():
        path.write_bytes(path.read_bytes()[:-7])


@pytest.mark.slow
def test_launch_when_a_part_fails(robustify: Command, data: Path, tmp_path: Path) -> None:
    """It is named with the place of its log; the rows of the others stay."""
    folder = tmp_path / "run"
    folder.mkdir()
    Part(2, 2).file_in(folder).write_text('{"index": 1}\n')
    done = robustify("evaluate", data, *OPTIONS, "--launch", "local", "--parts", "2", "--output", folder)
    assert done.returncode == 1
    assert "part 2 of 2 failed: the logs in" in done.stderr
    assert len(Part(1, 2).file_in(folder).read_text().splitlines()) == IMAGES / 2
    assert not (folder / "rows.jsonl").exists()
