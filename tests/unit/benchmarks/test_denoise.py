"""The benchmark of the denoising path: what it reports of given figures, and that its ways compute the same."""

from collections.abc import Sequence

import pytest
import torch

from benchmarks import denoise
from benchmarks.denoise import bytes_per_sample, comparison, flops_of, quartiles, task_bytes
from benchmarks.paths import AS_IT_IS, CONSTANTS, OFFICIAL, OURS, SIGMA, STEPS, Spent, Workload, path

READY = Spent(0.0, 0.0, 100)
TINY = Workload(batch_size=2, side=32, threads=1)


def test_comparison_when_rounds_differ() -> None:
    """Ratios are of the same round; getting ready does not count."""
    official = [READY, Spent(4.0, 2.0, 1), Spent(8.0, 2.0, 1), Spent(6.0, 2.0, 1)]
    ours = [READY, Spent(1.0, 1.0, 1), Spent(1.0, 0.5, 1), Spent(1.0, 1.0, 1)]
    found = comparison(official, ours)

    assert found["ratio"] == 6.0
    assert found["ratio_quartiles"] == [5.0, 7.0]
    assert found["cpu_ratio"] == 2.0


def test_ways_that_are_measured_in_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never more than two at a time; the official figures are those beside the last."""
    asked = []

    def measured(names: Sequence[str], work: Workload, rounds: int) -> dict[str, list[Spent]]:
        asked.append(tuple(names))
        return {name: [READY, Spent(float(len(asked)), 1.0, 1)] for name in names}

    monkeypatch.setattr(denoise, "measure", measured)
    found = denoise.measure_in_pairs((OFFICIAL, CONSTANTS, OURS), TINY, 1)

    assert asked == [(OFFICIAL, CONSTANTS), (OFFICIAL, OURS)]
    assert [found[name][1].seconds for name in (OFFICIAL, CONSTANTS, OURS)] == [2.0, 1.0, 2.0]


def test_spread_of_a_single_round() -> None:
    """It is the round itself."""
    assert quartiles([3.0]) == (3.0, 3.0, 3.0)


def test_memory_of_a_sample() -> None:
    """What a batch takes over one sample, shared by the others; nothing is claimed where the peak did not move."""
    assert bytes_per_sample([READY, Spent(1.0, 1.0, 190)], 10) == 10
    assert bytes_per_sample([READY, Spent(1.0, 1.0, 100)], 10) is None


def test_memory_of_a_task() -> None:
    """Four attentions of 128 channels keep keys and values of 77 tokens in bfloat16; a sigma takes less."""
    found = task_bytes(TINY)

    assert found["bytes_per_prompt"] == 4 * 2 * 77 * 128 * 2
    assert 0 < found["bytes_per_sigma"] < found["bytes_per_prompt"]


def test_operations_of_the_bundled_unet() -> None:
    """As counted from its convolutions and linear maps: 77.7 GFLOP for 50 samples; attention adds a little."""
    assert flops_of(TINY) == pytest.approx(77.7e9 / 50, rel=0.03)


@pytest.mark.slow
@torch.inference_mode()
def test_every_way_when_it_gets_the_same_noise() -> None:
    """All compute the same logits, up to the official integer timestep and the rounding of bfloat16."""
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    found = {}
    for name in STEPS:
        compute = path(name, TINY)
        torch.manual_seed(1)
        found[name] = compute(images)
    spread = found[AS_IT_IS].std()

    assert SIGMA == 0.25
    torch.testing.assert_close(found[CONSTANTS], found[AS_IT_IS], atol=1e-3, rtol=1e-4)
    assert (found[OFFICIAL] - found[AS_IT_IS]).abs().mean() < 0.1 * spread
    assert (found[OURS] - found[AS_IT_IS]).abs().mean() < 0.2 * spread
