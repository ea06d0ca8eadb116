import math

import pytest
import torch

from robustify.attacks.losses import Loss, lead_of_others, log_mean_softmax, log_odds, margin, published, vote_margin

LOGITS = torch.randn(7, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
SURE = torch.tensor([[150.0, 0.0], [120.0, 0.0]])
"""Of CLIP's size, for the right class."""


def gradient(loss: Loss, logits: torch.Tensor) -> torch.Tensor:
    leaf = logits.clone().requires_grad_()
    (found,) = torch.autograd.grad(loss(leaf, 0), leaf)
    return found


def test_losses_on_small_logits() -> None:
    """The published loss is -log of the mean softmax, the odds are those of the same; the margin is of mean logits."""
    share = float(LOGITS.softmax(dim=1)[:, 2].mean())
    means = LOGITS.mean(dim=0)

    assert published(LOGITS, 2) == pytest.approx(-math.log(share))
    assert log_mean_softmax(LOGITS)[2] == pytest.approx(math.log(share))
    assert log_odds(LOGITS, 2) == pytest.approx(math.log((1 - share) / share))
    assert margin(LOGITS, 2) == pytest.approx(float(max(means[0], means[1], means[3]) - means[2]))


@pytest.mark.parametrize("logits", [SURE, -SURE])
def test_gradients_when_all_copies_are_sure(logits: torch.Tensor) -> None:
    """The published loss has none, whether the copies are right or wrong: its attack stands still. The others have."""
    assert not gradient(published, logits).any()
    assert gradient(log_odds, logits).abs().sum() > 0.1
    assert gradient(margin, logits).abs().sum() > 0.1


def test_vote_margin_of_some_votes() -> None:
    """It is the lead of the best other class in votes, from -1 to 1."""
    logits = torch.eye(3)[[0, 0, 0, 1, 2]]

    assert vote_margin(logits, 0) == pytest.approx(-2 / 5)
    assert vote_margin(logits, 1) == pytest.approx(2 / 5)
    assert vote_margin(logits[:3], 0) == -1
    assert lead_of_others(torch.tensor([1.0, 5.0, 3.0]), 1) == -2
