"""Memory of a GPU between tasks: what a task had of its own is given back when another takes its place."""

import gc
from dataclasses import replace

import pytest
import torch

from adapters.models.denoisers.diffusion import OneStepDenoiser
from adapters.models.loaded import Placement
from adapters.models.loaders import load_super_resolution
from adapters.models.memory import give_back_memory
from adapters.profiles.library import find_profile
from adapters.settings import Settings

pytestmark = pytest.mark.gpu
MINI = find_profile("mini")
SIGMA = 0.25


def allocated() -> int:
    """Bytes of all tensors on the device."""
    gc.collect()
    torch.cuda.synchronize()
    return torch.cuda.memory_allocated()


def of_a_task(denoiser: OneStepDenoiser, seed: int) -> OneStepDenoiser:
    """With a prompt and an attention of its own."""
    name = "mid_block.attentions.0.to_q.weight"
    changed = denoiser.unet.get_parameter(name) * (1 + 0.01 * seed)
    return replace(denoiser, prompt_rows=denoiser.prompt_rows.flip(0) * seed, overrides={name: changed})


@pytest.mark.parametrize("graphs", [False, True])
@torch.inference_mode()
def test_memory_when_tasks_come_and_go(graphs: bool) -> None:
    """Ten tasks leave as much behind as two, whether their networks were launched as graphs or not."""
    settings = Settings(device="cuda", cuda_graphs=graphs)
    device = torch.device("cuda")
    pristine, serve = load_super_resolution(Placement(MINI, settings, device, torch.float32))
    noisy = torch.rand(MINI.batch_size, 3, MINI.side, MINI.side, device=device)
    sizes = []
    for seed in range(1, 11):
        serve(of_a_task(pristine, seed))(noisy, SIGMA)
        sizes.append(allocated())

    assert len(set(sizes[1:])) == 1


def test_memory_when_it_is_given_back() -> None:
    """What torch had kept for the next batch is free for other processes."""
    held = torch.empty(256 << 20, dtype=torch.uint8, device="cuda")
    reserved = torch.cuda.memory_reserved()
    del held
    assert torch.cuda.memory_reserved() == reserved
    give_back_memory()

    assert torch.cuda.memory_reserved() <= reserved - (256 << 20)
