from collections.abc import Iterator

import numpy as np
import pytest
import torch

from robustify.smoothing.lattice import SeededLatticeNoise, to_levels
from robustify.smoothing.noise import SeededNoise
from robustify.smoothing.samples import GaussianSamples, LatticeSamples, SampleSource
from robustify.smoothing.votes import BaseClassifier, NoisyVotes, one_behind, tally

IMAGE = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0))
SEED = bytes(range(32))
WEIGHTS = torch.randn(5, 3 * 8 * 8, generator=torch.Generator().manual_seed(1))


def linear(x: torch.Tensor) -> torch.Tensor:
    return x.flatten(1) @ WEIGHTS.T


class RecordingClassifier:
    """A linear classifier that keeps what it was shown."""

    def __init__(self) -> None:
        self.seen: list[torch.Tensor] = []

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        self.seen.append(x)
        return linear(x)


def counter(batch_size: int, classifier: BaseClassifier = linear, sigma: float = 0.25) -> NoisyVotes:
    return NoisyVotes(
        classifier,
        GaussianSamples(IMAGE.numpy(), sigma, SeededNoise(SEED)),
        "estimate",
        5,
        batch_size,
    )


@pytest.mark.parametrize("batch_size", [64, 32, 7, 1])
def test_noise_is_bit_identical_in_any_batch(batch_size: int) -> None:
    """Sample i is the same noisy image whatever the batch that carries it."""
    classifier = RecordingClassifier()
    counter(batch_size, classifier)(0, 100)
    seen = torch.cat(classifier.seen)[:100] if batch_size != 7 else torch.cat([b[:7] for b in classifier.seen])[:100]
    noise = torch.from_numpy(SeededNoise(SEED)("estimate", 0, 100, (3, 8, 8)))
    expected = (IMAGE.double() + 0.25 * noise).float()

    assert torch.equal(seen, expected)


def first_values(x: torch.Tensor) -> torch.Tensor:
    """Logits that are values of the samples: every device has the same bits of them, and of the votes."""
    return x[:, 0, 0, :5].clone()


def slow_first_values(x: torch.Tensor) -> torch.Tensor:
    """The same, after so much work for a GPU that the next batches are made meanwhile."""
    side = 2048 if x.is_cuda else 8
    work = torch.ones(side, side, device=x.device)
    for _ in range(50):
        work = work @ work / side
    return first_values(x) + 0 * work[0, 0]


def samples_of_kind(kind: str) -> SampleSource:
    if kind == "lattice":
        return LatticeSamples(to_levels(IMAGE.numpy()), SeededLatticeNoise(SEED, 0.25))
    return GaussianSamples(IMAGE.numpy(), 0.25, SeededNoise(SEED))


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("kind", ["gaussian", "lattice"])
@pytest.mark.parametrize("classifier", [first_values, slow_first_values])
def test_votes_when_batches_are_made_beside_the_network(kind: str, device: str, classifier: BaseClassifier) -> None:
    """They are those of the samples, one after the other, on every device: none is read before it is there, and none
    is overwritten before it was read.
    """
    samples, place = samples_of_kind(kind), torch.device(device)
    found = [NoisyVotes(classifier, samples, "estimate", 5, 32, place)(0, 1000) for _ in range(2)]
    expected = tally(first_values(torch.from_numpy(samples("estimate", 0, 1000))), 5)

    assert found == 2 * [expected.tolist()]


@pytest.mark.gpu
@pytest.mark.filterwarnings("ignore:Synchronization debug mode")
@pytest.mark.parametrize("kind", ["gaussian", "lattice"])
def test_asking_when_a_gpu_computes(kind: str) -> None:
    """Once all is warm, a GPU is asked for a batch without waiting for what it was asked before."""
    count = NoisyVotes(linear_on_device, samples_of_kind(kind), "estimate", 5, 32, torch.device("cuda"))
    count(0, 64)
    torch.cuda.set_sync_debug_mode("error")
    try:
        choices = list(count.choices(0, 320))
    finally:
        torch.cuda.set_sync_debug_mode("default")

    assert sum(int((found.numpy() >= 0).sum()) for found in choices) == 320


def linear_on_device(x: torch.Tensor) -> torch.Tensor:
    return x.flatten(1)[:, :5]


@pytest.mark.gpu
@pytest.mark.parametrize("shape", [(3, 8, 8), (3, 224, 224)])
def test_batch_on_a_gpu_is_that_of_the_cpu(shape: tuple[int, ...]) -> None:
    """The noise is drawn there, and has the same bits, padding too."""
    image = np.random.default_rng(0).random(shape, dtype=np.float32)
    samples = GaussianSamples(image, 0.12, SeededNoise(SEED))
    cpu, gpu = (NoisyVotes(linear, samples, "estimate", 5, 40, device=torch.device(name)) for name in ("cpu", "cuda"))

    assert gpu.on_device is not None
    assert cpu.on_device is None
    assert torch.equal(gpu.batch(1000, 37).cpu(), cpu.batch(1000, 37))


def test_votes_in_parts_add_up_to_votes_at_once() -> None:
    """Shards count the same votes as one long run."""
    count = counter(16)
    whole = np.array(count(0, 200))
    parts = np.array(count(0, 50)) + np.array(count(50, 130)) + np.array(count(180, 20))

    assert whole.sum() == 200
    assert np.array_equal(whole, parts)


def test_every_batch_has_the_same_shape() -> None:
    """The last batch is padded, and the padding does not vote."""
    classifier = RecordingClassifier()
    votes = counter(16, classifier)(0, 20)

    assert {tuple(batch.shape) for batch in classifier.seen} == {(16, 3, 8, 8)}
    assert sum(votes) == 20


@pytest.mark.parametrize("batches", [0, 1, 3])
def test_batches_are_read_one_behind(batches: int) -> None:
    """All in order, and each only when the next one was begun, or there is none."""
    events: list[tuple[str, int]] = []

    def begun() -> Iterator[torch.Tensor]:
        for number in range(batches):
            events.append(("begun", number))
            yield torch.tensor(number)

    for batch in one_behind(begun()):
        events.append(("read", int(batch)))

    assert [number for event, number in events if event == "read"] == list(range(batches))
    for number in range(batches - 1):
        assert events.index(("begun", number + 1)) < events.index(("read", number))


def test_noise_has_sigma_in_pixel_units() -> None:
    """What is added to an image in [0, 1] has standard deviation sigma, mean 0, and is not clamped."""
    classifier = RecordingClassifier()
    counter(50, classifier, sigma=0.5)(0, 500)
    noise = torch.cat(classifier.seen) - IMAGE

    assert noise.std().item() == pytest.approx(0.5, rel=0.01)
    assert abs(noise.mean().item()) < 0.01
    assert torch.cat(classifier.seen).max() > 1.5


def test_rows_that_are_not_finite_do_not_vote() -> None:
    """NaN and infinite logits are votes for no class: argmax alone would give them to the first."""
    logits = torch.tensor([[1.0, 2.0], [float("nan"), 0.0], [float("inf"), 0.0], [3.0, float("nan")], [5.0, 1.0]])

    assert tally(logits, 2).tolist() == [1, 1]


def test_what_before_batch_raises_stops_the_count() -> None:
    """A canceled job stops between two batches."""

    def stop(done: int) -> None:
        if done >= 32:
            raise InterruptedError

    count = NoisyVotes(
        linear,
        GaussianSamples(IMAGE.numpy(), 0.25, SeededNoise(SEED)),
        "estimate",
        5,
        16,
        before_batch=stop,
    )
    with pytest.raises(InterruptedError):
        count(0, 100)
