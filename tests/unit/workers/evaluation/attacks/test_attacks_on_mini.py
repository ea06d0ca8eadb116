"""Attacks through denoiser and CLIP, with the bundled models."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from adapters.settings import Settings
from robustify.attacks.losses import margin
from robustify.attacks.noise import AttackNoise, kept
from robustify.attacks.objective import Objective
from robustify.types import PredictTest, SmoothingParameters, Task
from workers.evaluation.attacks.attacker import Attack, Attacker
from workers.evaluation.attacks.oracle_images import OracleImages
from workers.evaluation.attacks.plan import AttackMethod, AttackMode, AttackPlan
from workers.evaluation.attacks.runs import run_attack
from workers.evaluation.procedure import Procedure
from workers.evaluation.runs import Evaluation, Smoothing

pytestmark = pytest.mark.slow
LABELS = ("airplane", "automobile", "frog")
IMAGES = OracleImages(count=2, side=32)
"""Any images will do."""


def attack(plan: AttackPlan, method: Smoothing = "denoised") -> Attack:
    parameters = SmoothingParameters(0.25, n0=10, n=10, alpha=0.05)
    procedure = Procedure() if method == "no-smoothing" else Procedure(test=PredictTest.FIXED)
    settings = Settings(profile="mini", threads=1)
    return Attack(
        Evaluation(settings, Task(LABELS), method, parameters, IMAGES.digest, procedure=procedure),
        plan,
        attacks_wrong=True,
    )


SMOOTH_ADV = attack(AttackPlan(AttackMethod.SMOOTH_ADV, AttackMode.STRONG, 1.0, steps=1, m=2))


@pytest.fixture(scope="module")
def attacker() -> Attacker:
    """The models are loaded once."""
    return Attacker(SMOOTH_ADV)


def test_gradient_through_denoiser_and_classifier_after_votes_were_counted(attacker: Attacker) -> None:
    """It is the slope of the loss along its own direction, of the models that answer: counting leaves it intact."""
    image = torch.from_numpy(IMAGES.image(0))[None]
    attacker.evaluator.answer(IMAGES.image(0))
    attacker.evaluator.classify(IMAGES.image(0))
    objective = Objective(attacker.base_classifier, 0, m=4, batch_size=3)
    noise = kept(AttackNoise(bytes(32), 0.25, (3, 32, 32), torch.device("cpu"))(4))
    found = objective.ascent(image, noise, margin)
    way = found.gradient / found.gradient.norm()
    ahead, behind = (objective.ascent(image + step * way, noise, margin).loss for step in (0.02, -0.02))

    assert found.gradient.norm() > 0.1
    assert (ahead - behind) / 0.04 == pytest.approx(float(found.gradient.norm()), rel=0.1)


def test_smooth_adv_on_two_images(attacker: Attacker, tmp_path: Path) -> None:
    """Both are kept within the budget, and the rows say what it took."""
    rows = run_attack(lambda: attacker, SMOOTH_ADV.digest, IMAGES, tmp_path)

    assert len(rows) == 2
    assert all(0 < row.distance <= 1.0 and row.zero_gradients == 0.0 for row in rows)
    assert all(row.forwards > 0 and sum(row.votes_after or ()) == 10 for row in rows)


def test_pgd_on_clip_alone() -> None:
    """A classifier that is not smoothed falls to a few steps."""
    asked = attack(AttackPlan(AttackMethod.PGD, AttackMode.STRONG, 2.0, steps=5, m=1), "no-smoothing")
    attacker = Attacker(asked)
    answers = [attacker.evaluator.answer(IMAGES.image(index))["answer"] for index in range(2)]
    samples = [
        replace(IMAGES.sample(index), label=answer) for index, answer in enumerate(answers) if answer is not None
    ]
    rows = [attacker.row(sample)[0] for sample in samples]

    assert len(rows) == 2
    assert not any(row.is_robust for row in rows)
