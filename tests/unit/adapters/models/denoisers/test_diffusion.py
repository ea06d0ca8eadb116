import json
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from safetensors.torch import load_file

from adapters.models.denoisers.diffusion import OneStepDenoiser, load_one_step_denoiser, one_step_denoiser
from robustify.errors import ModelFilesError

REFERENCE = Path(__file__).parents[4] / "data" / "reference"
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(REFERENCE / "ref.npz") as file:
        return dict(file)


def reference_unet() -> UNet2DConditionModel:
    unet = UNet2DConditionModel(**json.loads((REFERENCE / "tiny_unet_config.json").read_text()))
    unet.load_state_dict(load_file(REFERENCE / "tiny_unet.safetensors"))
    return unet


def reference_denoiser(golden: dict[str, np.ndarray], **scheduler: object) -> OneStepDenoiser:
    config = json.loads((REFERENCE / "IF-II-L-scheduler_config.json").read_text())
    config = {name: value for name, value in config.items() if not name.startswith("_")} | scheduler
    rows = torch.from_numpy(golden["prompt_embeds"])[0]
    return one_step_denoiser(reference_unet(), DDPMScheduler(**config), rows, 1.8, "search", CPU, torch.float32)


@pytest.mark.parametrize("sigma", ["0.12", "0.25", "0.5", "1.0"])
@pytest.mark.parametrize(("largest", "key"), [(1.0, "x0"), (1.5, "smax1.5_x0")])
def test_denoiser_reproduces_the_official_path(
    golden: dict[str, np.ndarray], sigma: str, largest: float, key: str
) -> None:
    """In fp32 and with the integer search the reference UNet denoises as the official code does."""
    denoiser = reference_denoiser(golden, sample_max_value=largest)
    noisy = torch.from_numpy(golden["x01"] + float(sigma) * golden["noise"])
    with torch.inference_mode():
        denoised = denoiser(noisy, float(sigma)).numpy()

    np.testing.assert_allclose(denoised, golden[f"s{sigma}_{key}"], atol=2e-5)


def test_exact_timestep_is_another_function_by_little(golden: dict[str, np.ndarray]) -> None:
    """Solving Eq. 6 exactly is a slightly different function: .4 of a timestep moves pixels by a fraction of sigma."""
    denoiser = reference_denoiser(golden)
    exact = OneStepDenoiser(denoiser.unet, denoiser.alphas_cumprod, denoiser.prompt_rows, 1.8, "exact")
    noisy = torch.from_numpy(golden["x01"] + 0.25 * golden["noise"])
    with torch.inference_mode():
        difference = (denoiser(noisy, 0.25) - exact(noisy, 0.25)).abs().mean()

    assert 0 < difference < 0.01


def test_unet_without_a_noise_level_is_refused() -> None:
    """An ordinary text-to-image UNet is no super-resolution model."""
    unet = UNet2DConditionModel(
        in_channels=3,
        block_out_channels=(8, 8),
        norm_num_groups=4,
        cross_attention_dim=8,
        layers_per_block=1,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
    )
    with pytest.raises(ModelFilesError, match="super-resolution"):
        one_step_denoiser(unet, DDPMScheduler(), torch.zeros(77, 8), 1.0, "exact", CPU, torch.float32)


def test_folder_without_safetensors_is_refused(tmp_path: Path) -> None:
    """A missing folder, or one that holds only a pickle, is one clear error."""
    with pytest.raises(ModelFilesError, match="cannot be loaded"):
        load_one_step_denoiser(str(tmp_path), "", 1.0, "exact", CPU, torch.float32)
