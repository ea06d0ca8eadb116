"""The paper's objectives on PRXPixel, which predicts clean images."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import mse_loss

from adapters.models.denoisers.prx_pixel.denoiser import PRXPixelDenoiser, as_image
from adapters.models.training.flow_matching import FIRST_TIME, LAST_TIME, FlowNoise, FlowSchedule, diffusion_of_flow
from adapters.models.training.transformer_lora import add_transformer_lora, trained_parameters
from robustify.adaptation.objectives import NoisyBatch, draw_batch, personalization_loss
from tests.unit.adapters.models.denoisers.tiny_prx_pixel import TEXT_CHANNELS, tiny_transformer


@pytest.fixture(scope="module")
def denoiser() -> PRXPixelDenoiser:
    rows = torch.randn(5, TEXT_CHANNELS, generator=torch.Generator().manual_seed(3))
    return PRXPixelDenoiser(tiny_transformer(), rows, noise_scale=1.5, told_time_factor=1.02)


@pytest.fixture
def batch() -> NoisyBatch:
    generator = torch.Generator().manual_seed(4)
    images, labels = torch.rand(6, 3, 16, 16, generator=generator), torch.arange(6) % 2
    return draw_batch(images, labels, 5, 1000, generator)


def test_noise_that_is_predicted(denoiser: PRXPixelDenoiser, batch: NoisyBatch) -> None:
    """Removed from x_t, it leaves the network's clean image at the flow's own time, and it is the denoiser's."""
    diffusion, schedule = diffusion_of_flow(denoiser), FlowSchedule(1.5)
    x_t = diffusion.add_noise(batch.images, batch.eps, batch.timesteps)
    eps = FlowNoise(denoiser)(x_t, batch.timesteps, diffusion.noise_levels(batch.timesteps))
    removed = diffusion.remove_noise(x_t, eps, batch.timesteps)

    for index, step in enumerate(batch.timesteps.tolist()):
        t, sigma = float(schedule.times[step]), float(schedule.ratios[step]) / 2
        assert denoiser.time(sigma).true == pytest.approx(t)
        flow = (1 - t) * (2 * batch.images[index] - 1) + t * 1.5 * batch.eps[index]
        clean = denoiser.predict_clean(flow[None], torch.tensor([1.02 * t]).clamp(max=1))
        torch.testing.assert_close(removed[index], as_image(clean)[0], rtol=0, atol=1e-4)
        noisy = batch.images[index] + sigma * batch.eps[index]
        torch.testing.assert_close(removed[index], denoiser(noisy[None], sigma)[0], rtol=0, atol=1e-4)


def test_loss_of_the_noise(denoiser: PRXPixelDenoiser, batch: NoisyBatch) -> None:
    """Eq. 10 is the loss of the clean image divided by s squared."""
    batch = replace(batch, timesteps=torch.full_like(batch.timesteps, 400))
    diffusion, s = diffusion_of_flow(denoiser), float(FlowSchedule(1.5).ratios[400])
    x_t = diffusion.add_noise(batch.images, batch.eps, batch.timesteps)
    eps = FlowNoise(denoiser)(x_t, batch.timesteps, batch.timesteps)
    clean = x_t / diffusion.alphas_cumprod[400].sqrt() - s * eps

    expected = float(mse_loss(clean, 2 * batch.images - 1)) / s**2
    assert float(mse_loss(eps, batch.eps)) == pytest.approx(expected, rel=1e-4)


def test_times_of_training(denoiser: PRXPixelDenoiser) -> None:
    """They hold the noise of every sigma from 0.06 to 7 at the real noise scale, and never all or none."""
    schedule = FlowSchedule(2.0)

    assert (float(schedule.times[0]), float(schedule.times[-1])) == (FIRST_TIME, LAST_TIME)
    assert float(schedule.ratios[0]) / 2 < 0.06
    assert float(schedule.ratios[-1]) / 2 > 7
    assert bool((schedule.alphas_cumprod.diff() < 0).all())


def test_personalization_of_adapters(denoiser: PRXPixelDenoiser, batch: NoisyBatch) -> None:
    """A few steps on Eq. 12 lower it, by a LoRA on the attention alone."""
    transformer = deepcopy(denoiser.transformer)
    torch.manual_seed(5)
    add_transformer_lora(transformer, 3)
    learner, diffusion = FlowNoise(replace(denoiser, transformer=transformer)), diffusion_of_flow(denoiser)
    optimizer = torch.optim.Adam(trained_parameters(transformer), lr=1e-2)
    losses = []
    for _ in range(6):
        optimizer.zero_grad()
        loss = personalization_loss(learner, lambda x: x.mean(dim=(2, 3))[:, :2], diffusion, batch, 0.01)
        loss.total.backward()
        optimizer.step()
        losses.append(loss.total.item())

    assert losses[-1] < 0.95 * losses[0]
