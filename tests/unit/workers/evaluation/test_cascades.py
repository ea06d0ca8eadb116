"""Evaluations at several sigmas: what each run has of alpha, and what is kept of each image."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adapters.settings import Settings
from robustify.evaluation.metrics import ImageOutcome
from robustify.smoothing.lattice import slack_of
from robustify.types import Noise, SmoothingParameters, Task
from tests.command_line import Command, command_line
from workers.evaluation.cascades import RowsOfSigma, cascade_summary, evaluations_of
from workers.evaluation.procedure import Procedure
from workers.evaluation.runs import Evaluation, Kept

command = pytest.fixture(command_line)

ALPHA = 0.002
EVALUATION = Evaluation(
    Settings(profile="oracle-linear"),
    Task(("left", "right")),
    "denoised",
    SmoothingParameters(0.25, 10, 100, ALPHA),
    "digest",
)


def row(label: int, answer: int, radius: float | None) -> Kept:
    return Kept(ImageOutcome(label, answer, radius), samples=None, seconds=0.5, fingerprint=None, unreadable=None)


def test_runs_of_a_cascade() -> None:
    """They share alpha, have rows of their own, and the slack of their own sigma."""
    noisy = replace(EVALUATION, procedure=Procedure(noise=Noise.LATTICE))
    small, large = evaluations_of(noisy, [0.5, 0.25], 32)
    assert (small.parameters.sigma, large.parameters.sigma) == (0.25, 0.5)
    assert small.parameters.alpha == large.parameters.alpha == ALPHA / 2
    assert small.digest != large.digest
    assert large.parameters.slack == slack_of(Noise.LATTICE, 0.5, 32, 32)


def test_images_of_a_cascade() -> None:
    """Each has the answer with the largest radius, which may be a wrong one, and costs what both runs did."""
    small, large = evaluations_of(EVALUATION, [0.25, 0.5], 32)
    rows = {
        small: [row(0, 0, 0.4), row(0, 0, 0.1), row(1, 1, None), row(1, 1, 0.2)],
        large: [row(0, 0, None), row(0, 0, 0.6), row(1, 0, None), row(1, 0, 0.3)],
    }
    found = cascade_summary([RowsOfSigma(run, kept) for run, kept in rows.items()], ALPHA)
    assert found.cascade.acr == pytest.approx((0.4 + 0.6) / 4)
    assert found.cascade.clean_accuracy == 0.75
    assert found.cascade.abstained == 0.25
    assert found.cascade.samples == 2 * 4 * 110
    assert found.runs["0.25"].acr == pytest.approx((0.4 + 0.1 + 0.2) / 4)
    assert found.alpha == ALPHA


def test_command_when_sigma_is_repeated(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One document: the cascade certifies at least as much at 0 as any of its runs; each has rows of its own."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("left", "right")):
        folder = tmp_path / "pictures" / name
        folder.mkdir(parents=True)
        pixels = np.random.default_rng(number).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "one.png")
    asked = ("evaluate", "pictures", "--profile", "oracle-linear", "--n", "200", "--json")
    first = json.loads(command(*asked, "--sigma", "0.25", "--sigma", "0.5").stdout)
    assert first["cascade"]["images"] == 2
    assert list(first["runs"]) == ["0.25", "0.5"]
    assert first["cascade"]["certified_accuracy"]["0.0"] >= max(
        run["certified_accuracy"]["0.0"] for run in first["runs"].values()
    )
    assert len(list((tmp_path / "evaluations").iterdir())) == 2
    assert json.loads(command(*asked, "--sigma", "0.5", "--sigma", "0.25").stdout) == first


@pytest.mark.parametrize("option", [("--no-smoothing",), ("--test", "fixed"), ("--output", "rows.jsonl")])
def test_command_when_a_cascade_does_not_have_it(command: Command, tmp_path: Path, option: tuple[str, ...]) -> None:
    """It is refused in a line that names sigma, before anything is read."""
    ended = command("evaluate", tmp_path, "--sigma", "0.25", "--sigma", "0.5", *option)
    assert (ended.returncode, "a cascade" in ended.stderr) == (2, True)
