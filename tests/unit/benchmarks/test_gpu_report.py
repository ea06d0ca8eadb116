"""`python -m benchmarks.gpu` when things go wrong: what was found is told, and so is why the rest was not."""

import time
from collections.abc import Iterator

import pytest
import torch
from diffusers import UNet2DConditionModel
from typer.testing import CliRunner

from adapters.settings import Settings
from benchmarks.gpu import speed
from benchmarks.gpu.__main__ import Report, main
from benchmarks.gpu.architectures import FULL, TINY
from benchmarks.gpu.bench import OFFICIAL, Bench

pytestmark = pytest.mark.slow
PEAKS = {"product_peak": 1e15}


def report(seconds: float = 60.0) -> Report:
    return Report(time.monotonic() + seconds)


def lacking() -> Iterator[dict[str, float]]:
    yield {"first": 1.0}
    raise torch.OutOfMemoryError("no room\nand much more that nobody reads")


def test_part_when_it_fails_halfway() -> None:
    """What it had found stays, the reason is one line, and the next part runs."""
    found = report()
    found.run("large", lacking)
    found.run("small", lambda: [{"second": 2.0}])

    assert found.figures == {"first": 1.0, "second": 2.0}
    assert found.missing == {"large": "OutOfMemoryError: no room"}


def test_part_when_no_time_is_left() -> None:
    """It does not begin, and is named."""
    found = report(-1.0)
    found.run("late", lacking)

    assert (found.figures, found.missing) == ({}, {"late": "no time was left"})


def test_part_when_somebody_stops_it() -> None:
    """The wish to stop is no failure of a part: it ends them all."""

    def stopped() -> list[dict[str, float]]:
        raise SystemExit(143)

    with pytest.raises(SystemExit):
        report().run("stopped", stopped)


@pytest.mark.parametrize("official", [20.0, None])
def test_summary_when_the_official_way_has_no_room(official: float | None) -> None:
    """The speed and the share of the peak are told all the same, without a ratio."""
    bench = Bench(TINY, Settings(), torch.device("cpu"))
    rows = {} if official is None else {f"samples_per_second {OFFICIAL}": official}
    found = speed.summary(bench, {**rows, "samples_per_second a": 50.0, "samples_per_second b": 100.0, **PEAKS})

    assert found["samples_per_second"] == 100.0
    assert found.get("ratio") == (None if official is None else 5.0)
    assert found["of_product_peak"] == pytest.approx(100 * found["flops_per_sample"] / 1e15)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_command_when_there_is_no_gpu() -> None:
    """It says so, and how to try it without."""
    import typer

    app = typer.Typer()
    app.command()(main)
    done = CliRunner().invoke(app, [])

    assert done.exit_code == 2
    assert "no CUDA device here" in done.output


def test_architecture_when_it_is_compared_with_the_real_one() -> None:
    """As many numbers as IF-II-L has, and as many operations of a sample of 224 x 224 as the figures rest on."""
    with torch.device("meta"):
        unet = UNet2DConditionModel(**FULL.unet)
    assert sum(parameter.numel() for parameter in unet.parameters()) == 1_243_277_190
    assert speed.flops_of(Bench(FULL, Settings(), torch.device("cpu"))) == 2_360_794_730_496
