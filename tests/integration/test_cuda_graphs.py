"""The bundled models launched as CUDA graphs: the votes of the network as it is, another fingerprint, and a replay."""

import numpy as np
import pytest
import torch

from adapters.images import canonicalise
from adapters.models.loaded import Models, Placement
from adapters.models.loaders import load_profile
from adapters.profiles.fingerprint import engine_digest
from adapters.profiles.library import find_profile
from adapters.settings import Settings
from robustify.smoothing.seeds import public_seed
from robustify.smoothing.votes import NoisyVotes
from robustify.types import Phase, Task
from workers.commands.demo import IMAGE, LABELS
from workers.counting import VoteMaker, samples_of

pytestmark = pytest.mark.gpu
MINI, TASK, SIGMAS, SAMPLES = find_profile("mini"), Task(LABELS), (0.25, 0.5), 310


def settings_with(graphs: bool, dtype: str) -> Settings:
    return Settings.model_validate({"device": "cuda", "dtype": dtype, "cuda_graphs": graphs})


def models(settings: Settings) -> Models:
    dtype = getattr(torch, MINI.number_format(settings))
    return load_profile(Placement(MINI, settings, torch.device("cuda"), dtype))


def counter(settings: Settings, loaded: Models, sigma: float) -> NoisyVotes:
    maker = VoteMaker(MINI, engine_digest(MINI, settings), loaded, settings)
    image = canonicalise(IMAGE.read_bytes(), MINI.side).tensor
    return maker.votes(TASK, sigma, samples_of(image, sigma, public_seed(b"graphs", "test")), Phase.ESTIMATE)


def votes(settings: Settings, loaded: Models, sigma: float) -> np.ndarray:
    return np.array(counter(settings, loaded, sigma)(0, SAMPLES))


@pytest.mark.parametrize(("dtype", "others"), [("float32", 2), ("bfloat16", 15)])
def test_votes_when_networks_are_launched_as_graphs(dtype: str, others: int) -> None:
    """At every sigma nearly all are those of the network as it is, and all are alike when they are counted again, in
    this process and with models that are loaded anew.
    """
    plain, graphed = (settings_with(graphs, dtype) for graphs in (False, True))
    as_it_is, first, second = models(plain), models(graphed), models(graphed)
    for sigma in (*SIGMAS, *SIGMAS):
        found = votes(graphed, first, sigma)
        assert found.sum() == SAMPLES
        assert np.abs(found - votes(plain, as_it_is, sigma)).sum() / 2 <= others
        assert np.array_equal(found, votes(graphed, second, sigma))

    assert engine_digest(MINI, plain) != engine_digest(MINI, graphed)


@pytest.mark.filterwarnings("ignore:Synchronization debug mode")
@pytest.mark.parametrize("graphs", [False, True])
@torch.inference_mode()
def test_asking_when_the_bundled_models_compute(graphs: bool) -> None:
    """Once all is warm, nothing that denoises, classifies or counts waits for what the GPU was asked before."""
    settings = settings_with(graphs, "bfloat16")
    count = counter(settings, models(settings), SIGMAS[0])
    count(0, 2 * MINI.batch_size)
    torch.cuda.set_sync_debug_mode("error")
    try:
        choices = list(count.choices(0, 10 * MINI.batch_size))
    finally:
        torch.cuda.set_sync_debug_mode("default")

    assert len(choices) == 10
