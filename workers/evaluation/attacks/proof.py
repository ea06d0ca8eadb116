"""The proof of an attack: on the linear oracle, whose radius R is known, all images fall at 1.02 R and none at .98 R.

Whether an image has fallen is computed, not counted: no noise decides it. At .98 R nothing can fall, whatever an attack
does, unless it goes further than it may. The published attacks need not succeed at 1.02 R: what they miss is shown.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from pydantic import BaseModel, computed_field

from adapters.models.oracles import LinearOracle, exact_margin
from robustify.attacks.objective import BaseClassifier
from workers.evaluation.attacks.methods import Target, run_plan
from workers.evaluation.attacks.oracle_images import OracleImages, is_fallen
from workers.evaluation.attacks.plan import DEFAULT_STEPS, PAPER_COPIES, AttackMethod, AttackMode, AttackPlan

WITHIN, BEYOND = 0.98, 1.02
"""In exact radii."""
SIGMA = 0.25
SCALES = (1.0, 100.0)
"""Of the oracle's logits; the second is CLIP's."""
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Proven:
    """An attack of the proof; `must_succeed` at 1.02 R."""

    method: AttackMethod
    mode: AttackMode
    must_succeed: bool


PROVEN = (
    Proven(AttackMethod.PGD, AttackMode.PAPER, False),
    Proven(AttackMethod.PGD, AttackMode.STRONG, True),
    Proven(AttackMethod.SMOOTH_ADV, AttackMode.PAPER, False),
    Proven(AttackMethod.SMOOTH_ADV, AttackMode.STRONG, True),
    Proven(AttackMethod.APGD, AttackMode.PAPER, False),
    Proven(AttackMethod.APGD, AttackMode.STRONG, True),
    # Squares are no direction of the oracle: it needs many times R, and is no bound for anything.
    Proven(AttackMethod.SQUARE, AttackMode.STRONG, False),
)


class ProofRow(BaseModel):
    """`within`, `beyond`: how many of `images` fell at .98 and at 1.02 of their exact radius."""

    method: str
    mode: str
    scale: float
    images: int
    within: int
    beyond: int
    zero_gradients: float
    must_succeed: bool

    @computed_field  # type: ignore[prop-decorator]
    @property
    def passed(self) -> bool:
        return self.within == 0 and (not self.must_succeed or self.beyond == self.images)


def prove(
    images: OracleImages,
    attacks: tuple[Proven, ...] = PROVEN,
    steps: int | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[ProofRow]:
    """A row for each attack and scale of the logits."""
    total = len(attacks) * len(SCALES)
    for done, (attack, scale) in enumerate([(attack, scale) for attack in attacks for scale in SCALES]):
        on_progress(done, total)
        yield proof_row(attack, scale, images, steps)


def proof_row(
    attack: Proven, scale: float, images: OracleImages, steps: int | None = None, sigma: float = SIGMA
) -> ProofRow:
    """Of one attack, at both distances."""
    radii = [abs(exact_margin(images.image(index))) for index in range(len(images))]
    within, beyond = (
        [tried(attack, scale, images, index, share * radius, steps, sigma) for index, radius in enumerate(radii)]
        for share in (WITHIN, BEYOND)
    )
    return ProofRow(
        method=attack.method,
        mode=attack.mode,
        scale=scale,
        images=len(images),
        within=sum(fell for fell, _ in within),
        beyond=sum(fell for fell, _ in beyond),
        zero_gradients=sum(zeros for _, zeros in within + beyond) / (2 * len(images)),
        must_succeed=attack.must_succeed,
    )


def tried(
    attack: Proven,
    scale: float,
    images: OracleImages,
    index: int,
    eps: float,
    steps: int | None = None,
    sigma: float = SIGMA,
) -> tuple[bool, float]:
    """Whether an image falls at this distance, and the share of zero gradients."""
    image, label = images.image(index), images.labels[index]
    plan = AttackPlan(
        attack.method,
        attack.mode,
        eps,
        steps or DEFAULT_STEPS[attack.method],
        m=1 if attack.method is AttackMethod.PGD else PAPER_COPIES,
    )
    target = oracle_target(attack.method, scale, sigma)
    found = run_plan(plan, target, torch.from_numpy(image), label, f"proof {index}")
    return is_fallen(found.image.numpy(), label), found.effort.zero_share


def oracle_target(method: AttackMethod, scale: float, sigma: float) -> Target:
    """The oracle with logits in float32, as networks give them."""
    is_smoothed = method is not AttackMethod.PGD
    return Target(scaled_oracle(scale), sigma if is_smoothed else None, PAPER_COPIES, CPU)


def scaled_oracle(scale: float) -> BaseClassifier:
    oracle = LinearOracle(CPU)
    return lambda images: oracle(images).float() * scale
