"""Restoration networks of spandrel's own classes, tiny and with random weights, against the bare networks."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from spandrel.architectures.DnCNN import DnCNN
from spandrel.architectures.DRUNet import DRUNet
from spandrel.architectures.NAFNet import NAFNet
from spandrel.architectures.SCUNet import SCUNet
from spandrel.architectures.SwinIR import SwinIR
from torch import nn
from torch.nn.functional import pad

from adapters.models.denoisers.restoration import RestorationDenoiser, load_restoration
from adapters.profiles.options.restoration import RestorationOptions
from robustify.errors import InvalidInputError, ModelFilesError

pytestmark = pytest.mark.filterwarnings("ignore:torch.meshgrid:UserWarning")
"""Of spandrel's SwinIR."""
CPU = torch.device("cpu")
SWIN = {"img_size": 16, "embed_dim": 12, "depths": [2, 2], "num_heads": [2, 2], "window_size": 8, "upscale": 1}
NAF = {"width": 8, "middle_blk_num": 1, "enc_blk_nums": [1, 1], "dec_blk_nums": [1, 1]}


def drunet(**changes: object) -> DRUNet:
    return seeded(DRUNet, **{"in_nc": 4, "out_nc": 3, "nc": [8, 8, 8, 8], "nb": 2, **changes})


def seeded(network: type[nn.Module], **sizes: object) -> nn.Module:
    torch.manual_seed(0)
    return network(**sizes).eval().requires_grad_(False)


def blind(name: str) -> nn.Module:
    """A tiny network that sees the noise itself."""
    return {
        "SwinIR": lambda: seeded(SwinIR, **SWIN, mlp_ratio=2.0),
        "NAFNet": lambda: seeded(NAFNet, **NAF),
        "SCUNet": lambda: seeded(SCUNet, in_nc=3, config=[1] * 7, dim=64, input_resolution=64),
        "DnCNN": lambda: seeded(DnCNN, in_nc=3, out_nc=3, nc=8, nb=20, act_mode="R", mode="DnCNN"),
    }[name]()


def saved(network: nn.Module, folder: Path) -> Path:
    path = folder / "model.safetensors"
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, path)
    return path


def load(network: nn.Module, folder: Path, **options: object) -> RestorationDenoiser:
    return load_restoration(
        saved(network, folder), RestorationOptions.model_validate({"max_sigma": 1.0, **options}), CPU, torch.float32
    )


def test_network_that_is_told_sigma(tmp_path: Path) -> None:
    """Its fourth channel is sigma, of each call, and what enters is not clipped."""
    network, x = drunet(), 3 * torch.randn(2, 3, 32, 40)
    denoise = load(network, tmp_path, noise_map=True)
    for sigma in (0.1, 0.5):
        expected = network(torch.cat([x, torch.full((2, 1, 32, 40), sigma)], dim=1)).clamp(0, 1)
        torch.testing.assert_close(denoise(x, sigma), expected, rtol=0, atol=1e-6)


def test_other_network_that_is_told_sigma(tmp_path: Path) -> None:
    """FDnCNN too, which spandrel calls DnCNN."""
    network, x = seeded(DnCNN, in_nc=4, out_nc=3, nc=8, nb=20, act_mode="R", mode="FDnCNN"), torch.rand(1, 3, 8, 8)
    denoise = load(network, tmp_path, noise_map=True)
    expected = network(torch.cat([x, torch.full((1, 1, 8, 8), 0.3)], dim=1)).clamp(0, 1)
    torch.testing.assert_close(denoise(x, 0.3), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["SwinIR", "NAFNet", "SCUNet", "DnCNN"])
def test_network_that_sees_the_noise_itself(tmp_path: Path, name: str) -> None:
    """A batch comes out as from the bare network, whatever sigma is, clamped to [0, 1]."""
    network, x = blind(name), torch.randn(2, 3, 64, 64)
    denoise = load(network, tmp_path)
    expected = network(x).clamp(0, 1)

    torch.testing.assert_close(denoise(x, 0.25), expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(denoise(x, 0.5), expected, rtol=0, atol=1e-5)


def test_image_of_an_odd_size(tmp_path: Path) -> None:
    """It is reflected at its lower right up to the next multiple, and the result cropped back."""
    network, x = drunet(), torch.rand(2, 3, 30, 35)
    denoise = load(network, tmp_path, noise_map=True, size_multiple=3)
    wide = pad(x, (0, 13, 0, 18), mode="reflect")
    expected = network(torch.cat([wide, torch.full((2, 1, 48, 48), 0.1)], dim=1)).clamp(0, 1)[..., :30, :35]

    torch.testing.assert_close(denoise(x, 0.1), expected, rtol=0, atol=1e-6)


def test_image_that_is_too_small(tmp_path: Path) -> None:
    """A reflection has no more pixels than the image: one sentence says which is the least size."""
    with pytest.raises(ModelFilesError, match="the least is 5"):
        load(drunet(), tmp_path, noise_map=True)(torch.rand(1, 3, 4, 4), 0.1)


def test_gradient_of_a_network(tmp_path: Path) -> None:
    """Attacks can take one, although spandrel's own call makes none."""
    for folder, network, told in (("a", drunet(), True), ("b", blind("DnCNN"), False)):
        (tmp_path / folder).mkdir()
        x = torch.rand(1, 3, 16, 16, requires_grad=True)
        load(network, tmp_path / folder, noise_map=told)(x, 0.1).sum().backward()
        assert x.grad is not None
        assert bool(x.grad.abs().sum() > 0)


def test_sigma_outside_of_the_training(tmp_path: Path) -> None:
    """InvalidInputError that names the range."""
    denoise = load(drunet(), tmp_path, noise_map=True, min_sigma=0.05, max_sigma=0.2)
    for sigma in (0.04, 0.25):
        with pytest.raises(InvalidInputError, match=r"choose 0\.05 to 0\.2"):
            denoise(torch.rand(1, 3, 16, 16), sigma)


@pytest.mark.parametrize("name", ["SwinIR", "NAFNet", "SCUNet", "DnCNN"])
def test_network_in_bfloat16(tmp_path: Path, name: str) -> None:
    """It computes there, also at a size that it was not made for, and gives float32."""
    network, x = blind(name), torch.rand(2, 3, 48, 40)
    path, options = saved(network, tmp_path), RestorationOptions(max_sigma=1.0)
    denoise = load_restoration(path, options, CPU, torch.bfloat16)

    torch.testing.assert_close(denoise(x, 0.25), network(x).clamp(0, 1), rtol=0, atol=0.1)


def test_number_format_of_a_network(tmp_path: Path) -> None:
    """bfloat16 computes, with a result in float32; float16 is refused where the network cannot."""
    path, options = saved(drunet(), tmp_path), RestorationOptions(max_sigma=0.5, noise_map=True)
    result = load_restoration(path, options, CPU, torch.bfloat16)(torch.rand(1, 3, 16, 16), 0.1)

    assert result.dtype == torch.float32
    with pytest.raises(ModelFilesError, match="cannot compute in torch.float16"):
        load_restoration(path, options, CPU, torch.float16)


@pytest.mark.parametrize(
    ("network", "options", "message"),
    [
        (drunet, {}, "noise_map = true"),
        (lambda: blind("NAFNet"), {"noise_map": True}, "noise_map = false"),
        (lambda: drunet(in_nc=2, out_nc=1), {"noise_map": True}, "1 input and 1 output channels"),
        (lambda: drunet(in_nc=3), {"noise_map": True}, "2 input and 3 output channels"),
        (lambda: seeded(SwinIR, **{**SWIN, "upscale": 2, "upsampler": "pixelshuffledirect"}), {}, "enlarges images 2"),
        (lambda: nn.Linear(3, 3), {}, "no network that is known"),
    ],
)
def test_network_that_cannot_denoise(
    tmp_path: Path, network: Callable[[], nn.Module], options: dict[str, object], message: str
) -> None:
    """Anything but a network from a colour image to one of its size is refused in a sentence."""
    with pytest.raises(ModelFilesError, match=message):
        load(network(), tmp_path, **options)


def test_network_whose_tensors_do_not_fit(tmp_path: Path) -> None:
    """A state dict that only looks like a known network is refused."""
    network = drunet()
    network.m_up1 = nn.Sequential(nn.Identity())
    network.m_body[0].res[0] = nn.Conv2d(8, 5, 3, bias=False)
    with pytest.raises(ModelFilesError):
        load(network, tmp_path, noise_map=True)


def test_pickle_of_a_network(tmp_path: Path) -> None:
    """It is read with its sha256 alone, as tensors, from within a training's checkpoint too."""
    network, path, x = drunet(), tmp_path / "drunet.pth", torch.rand(1, 3, 16, 16)
    torch.save({"params": network.state_dict()}, path)
    digest = sha256(path.read_bytes()).hexdigest()
    options = RestorationOptions(max_sigma=1.0, noise_map=True, sha256=digest)
    denoise = load_restoration(path, options, CPU, torch.float32)
    expected = network(torch.cat([x, torch.full((1, 1, 16, 16), 0.1)], dim=1)).clamp(0, 1)

    torch.testing.assert_close(denoise(x, 0.1), expected, rtol=0, atol=1e-6)
