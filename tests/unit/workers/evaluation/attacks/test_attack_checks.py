"""The proof and the checks of attacks, small."""

import pytest
import torch

from adapters.models.oracles import exact_margin
from adapters.settings import Settings
from robustify.errors import InvalidInputError
from robustify.types import PredictTest, SmoothingParameters, Task
from workers.evaluation.attacks.attacker import Attack
from workers.evaluation.attacks.check import is_more
from workers.evaluation.attacks.checks import Checked, run_checks
from workers.evaluation.attacks.methods import Target, run_plan
from workers.evaluation.attacks.oracle_images import LABELS, OracleImages, is_fallen
from workers.evaluation.attacks.plan import AttackMethod, AttackMode, AttackPlan
from workers.evaluation.attacks.proof import Proven, proof_row, scaled_oracle
from workers.evaluation.procedure import Procedure
from workers.evaluation.runs import Evaluation

SMALL = OracleImages(count=2, side=8)


def test_images_of_the_oracle() -> None:
    """Their radii are spread over the range, both classes in turn, and no pixel is near the edge of [0, 1]."""
    images = OracleImages(count=4, side=16)
    margins = [exact_margin(images.image(index)) for index in range(4)]

    assert margins == pytest.approx([0.15, -0.25, 0.35, -0.45], abs=1e-5)
    assert images.labels == [0, 1, 0, 1]
    assert not any(is_fallen(images.image(index), images.labels[index]) for index in range(4))
    assert 0.1 < images.image(3).min() < images.image(3).max() < 0.9


@pytest.mark.parametrize("scale", [1.0, 100.0])
@pytest.mark.parametrize("method", [AttackMethod.PGD, AttackMethod.APGD, AttackMethod.SMOOTH_ADV])
def test_proof_of_the_strong_attacks(method: AttackMethod, scale: float) -> None:
    """All images fall at 1.02 of their radius, and none at .98, with logits as large as CLIP's too."""
    row = proof_row(Proven(method, AttackMode.STRONG, must_succeed=True), scale, SMALL, steps=15)

    assert (row.within, row.beyond, row.passed) == (0, 2, True)


def test_proof_of_the_published_attack() -> None:
    """It never goes beyond its budget; that it misses images at 1.02 is shown, and is no failure."""
    row = proof_row(Proven(AttackMethod.SMOOTH_ADV, AttackMode.PAPER, must_succeed=False), 1.0, SMALL, steps=15)

    assert row.within == 0
    assert row.passed


def test_attack_without_gradients() -> None:
    """Only Square can attack a black box, and asks it for votes."""
    target = Target(scaled_oracle(1.0), 0.25, 8, torch.device("cpu"), has_gradients=False)
    image = torch.from_numpy(SMALL.image(0))
    asked = AttackPlan(AttackMethod.SMOOTH_ADV, AttackMode.STRONG, 0.1, 5, m=4)

    with pytest.raises(InvalidInputError, match="no gradients"):
        run_plan(asked, target, image, 0, "a")
    square = AttackPlan(AttackMethod.SQUARE, AttackMode.STRONG, 0.1, 5, m=4)
    assert run_plan(square, target, image, 0, "a").effort.gradients == 0


def test_difference_that_is_more_than_chance() -> None:
    """Five images more that stand, and none less, are; four are not."""
    assert is_more([False] * 8, [True] * 5 + [False] * 3)
    assert not is_more([False] * 8, [True] * 4 + [False] * 4)
    assert not is_more([True] * 8, [False] * 8)


def checked(mode: AttackMode, method: AttackMethod = AttackMethod.PGD) -> Checked:
    settings = Settings(profile="oracle-linear", batch_size=100)
    images = OracleImages(count=2, side=32)
    parameters = SmoothingParameters(0.25, n0=50, n=50, alpha=0.001)
    procedure = Procedure(test=PredictTest.FIXED)
    evaluation = Evaluation(settings, Task(LABELS), "denoised", parameters, images.digest, procedure=procedure)
    attack = Attack(evaluation, AttackPlan(method, mode, 0.3, 4, m=1))
    return Checked(attack, images, proof_images=1, proof_steps=3, queries=10)


@pytest.mark.slow
def test_seven_checks_of_an_attack() -> None:
    """All are made, in their order, and say what was measured; on the oracle's images none but the proof, which needs
    more than three steps, may fail.
    """
    checks = run_checks(checked(AttackMode.STRONG))

    assert [result.number for result in checks.results] == [1, 2, 3, 4, 5, 6, 7]
    assert all(result.done and result.must_hold and result.measured for result in checks.results)
    assert all(result.passed for result in checks.results[1:])


@pytest.mark.slow
def test_checks_of_an_attack_without_gradients() -> None:
    """What cannot be compared is not done, rather than passed."""
    results = run_checks(checked(AttackMode.STRONG, AttackMethod.SQUARE)).results

    assert [result.passed for result in results[3:5]] == [None, None]
