from pathlib import Path

import pytest
import torch
from diffusers import DDPMScheduler, UNet2DModel

from adapters.models.denoisers.unconditional import load_unconditional
from robustify.errors import ModelFilesError

CPU = torch.device("cpu")


def save_model(folder: Path, **changes: object) -> UNet2DModel:
    """A tiny random model of the kind of Carlini et al."""
    torch.manual_seed(0)
    blocks = {"down_block_types": ("DownBlock2D",) * 2, "up_block_types": ("UpBlock2D",) * 2}
    sizes = {"sample_size": 32, "block_out_channels": (8, 16), "layers_per_block": 1, "norm_num_groups": 4}
    unet = UNet2DModel(**{"out_channels": 6, **blocks, **sizes, **changes})
    unet.save_pretrained(folder / "unet")
    DDPMScheduler(variance_type="learned_range").save_pretrained(folder / "scheduler")
    return unet.eval()


def test_denoising_when_it_is_one_step_by_hand(tmp_path: Path) -> None:
    """x0 is what Eq. 9 gives for the eps of the first three channels, at the timestep whose noise is sigma."""
    unet = save_model(tmp_path)
    denoise = load_unconditional(tmp_path, "search", CPU, torch.float32)
    x = torch.rand(2, 3, 32, 32)
    alphas = DDPMScheduler().alphas_cumprod
    t = int(((1 - alphas) / alphas).sqrt().ge(0.5).nonzero()[0])
    with torch.inference_mode():
        eps = unet(alphas[t].sqrt() * (2 * x - 1), t).sample[:, :3]
        by_hand = ((2 * x - 1) - ((1 - alphas[t]) / alphas[t]).sqrt() * eps).clamp(-1, 1) / 2 + 0.5
        torch.testing.assert_close(denoise(x, 0.25), by_hand, atol=1e-5, rtol=1e-4)


def test_unet_that_needs_more_than_an_image(tmp_path: Path) -> None:
    """A super-resolution UNet and one that is told a class are refused."""
    for changes in ({"in_channels": 6}, {"class_embed_type": "timestep"}):
        save_model(tmp_path, **changes)
        with pytest.raises(ModelFilesError, match="no unconditional model"):
            load_unconditional(tmp_path, "exact", CPU, torch.float32)


def test_folder_that_holds_a_pickle(tmp_path: Path) -> None:
    """ModelFilesError: only safetensors are loaded."""
    save_model(tmp_path)
    weights = tmp_path / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(ModelFilesError, match="no safetensors"):
        load_unconditional(tmp_path, "exact", CPU, torch.float32)
