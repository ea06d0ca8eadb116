"""Networks that are launched as a whole: the same numbers, for the one shape, in memory that is given back.

What records on a CPU computes again; on a GPU it is a CUDA graph.
"""

import gc
import weakref
from collections.abc import Callable

import pytest
import torch

from adapters.models.denoisers.diffusion import OneStepDenoiser, load_one_step_denoiser
from adapters.models.denoisers.folded.denoiser import DenoiserFolder
from adapters.models.denoisers.folded.folding import Folds
from adapters.models.denoisers.graphs import KEPT_GRAPHS, CudaGraphs, LaunchedNetwork, Launching, Recorder, Run
from adapters.models.denoisers.prx_pixel.denoiser import PRXPixelDenoiser
from adapters.models.denoisers.prx_pixel.folding import PRXPixelFolder
from adapters.profiles.profile import BUNDLED
from tests.unit.adapters.models.denoisers.tiny_prx_pixel import TEXT_CHANNELS, tiny_transformer

CPU = torch.device("cpu")
SHAPE = (2, 3, 32, 32)
SIGMAS = (0.25, 0.5, 0.25)
Denoise = Callable[[torch.Tensor, float], torch.Tensor]
MakeFolded = Callable[[torch.device, Launching | None], Denoise]


def computing_again(run: Run) -> Run:
    """What a CPU has for a graph."""
    run()
    return run


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> torch.device:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)  # As in a worker.
    return torch.device(request.param)


def graphs_on(device: torch.device, record: Recorder | None = None) -> CudaGraphs:
    return CudaGraphs(SHAPE, device, record or (computing_again if device == CPU else None))


def batch(seed: int, shape: tuple[int, ...] = SHAPE) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def pristine() -> OneStepDenoiser:
    return load_one_step_denoiser(str(BUNDLED / "denoiser"), "", 1.8, "exact", CPU, torch.float32)


def folded_unet(device: torch.device, launching: Launching | None) -> Denoise:
    denoiser = pristine()
    others = () if launching is None else (launching,)
    return DenoiserFolder(denoiser, device, torch.float32, Folds(), *others)(denoiser)


def folded_transformer(device: torch.device, launching: Launching | None) -> Denoise:
    rows = torch.randn(4, TEXT_CHANNELS, generator=torch.Generator().manual_seed(2))
    denoiser = PRXPixelDenoiser(tiny_transformer(), rows)
    others = () if launching is None else (launching,)
    return PRXPixelFolder(denoiser, device, torch.float32, *others)(denoiser)


@pytest.mark.parametrize("make", [folded_unet, folded_transformer])
@torch.inference_mode()
def test_denoisers_when_they_are_launched_as_a_whole(make: MakeFolded, device: torch.device) -> None:
    """Every batch at every sigma has the numbers of the network as it is, and keeps them when the next is computed."""
    plain, graphed = make(device, None), make(device, graphs_on(device))
    batches = [batch(seed).to(device) for seed in range(len(SIGMAS))]
    expected = [plain(x, sigma) for x, sigma in zip(batches, SIGMAS, strict=True)]
    found = [graphed(x, sigma) for x, sigma in zip(batches, SIGMAS, strict=True)]

    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0 if device == CPU else 1e-5)
    assert not torch.equal(found[0], found[2])


def times_three(x: torch.Tensor) -> torch.Tensor:
    return 3 * x


@pytest.mark.parametrize("change", ["shape", "dtype", "gradient"])
def test_launching_when_a_batch_is_of_another_kind(change: str) -> None:
    """Nothing is recorded: what a graph would give is of another shape, or has no gradient."""
    recorded: list[Run] = []
    graphs = graphs_on(CPU, lambda run: recorded.append(run) or computing_again(run))  # type: ignore[func-returns-value]
    launched, x = graphs(times_three), batch(0)
    changed = {"shape": x[:1], "dtype": x.double(), "gradient": x.requires_grad_()}[change]
    with torch.set_grad_enabled(change == "gradient"):
        found = launched(changed)

    assert torch.equal(found, 3 * changed)
    assert found.requires_grad == (change == "gradient")
    assert recorded == []


def test_recording_when_inference_comes_and_goes() -> None:
    """What was recorded in inference mode is launched without it, and the other way round."""
    launched = graphs_on(CPU)(times_three)
    for mode in (torch.inference_mode, torch.no_grad, torch.inference_mode):
        with mode():
            assert torch.equal(launched(batch(1)), 3 * batch(1))


def test_graphs_when_there_are_too_many() -> None:
    """The oldest are forgotten, and recorded again when they are next called; sigmas are what clients choose."""
    recorded: list[Run] = []
    graphs = graphs_on(CPU, lambda run: recorded.append(run) or computing_again(run))  # type: ignore[func-returns-value]
    launched = [LaunchedNetwork(lambda x, factor=factor: factor * x, graphs) for factor in range(KEPT_GRAPHS + 3)]  # type: ignore[misc]
    with torch.inference_mode():
        for _ in range(2):
            for factor, network in enumerate(launched):
                assert torch.equal(network(batch(2)), factor * batch(2))

    assert [network.is_recorded for network in launched] == 3 * [False] + KEPT_GRAPHS * [True]
    assert len(recorded) == 2 * len(launched)


def test_network_when_nobody_has_it_any_more() -> None:
    """It is gone, with its weights: the graphs of others do not hold it."""
    graphs = graphs_on(CPU, lambda run: computing_again(lambda: None))
    network = graphs(times_three)
    with torch.inference_mode():
        network(batch(0))
        gone = weakref.ref(network)
        del network
        gc.collect()
        assert gone() is None
        graphs(times_three)(batch(0))


@pytest.mark.gpu
def test_memory_when_graphs_are_gone() -> None:
    """All that they had on the device is given back."""

    def reserved() -> int:
        gc.collect()
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        return torch.cuda.memory_reserved()

    device = torch.device("cuda")
    with torch.inference_mode():
        folded_unet(device, graphs_on(device))(batch(0).to(device), 0.25)
        before = reserved()
        for _ in range(3):
            folded_unet(device, graphs_on(device))(batch(0).to(device), 0.25)
        assert reserved() <= before
