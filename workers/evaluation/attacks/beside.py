"""Certificates beside an attack on the same images: certified is at most empirical, in every row.

An image that is answered as another class than the certified one, within the certified radius, contradicts the
certificate: an alarm. Both answers are wrong with probability alpha at most, so that one alarm in a thousand images may
be chance at alpha .001, and two are not. An abstention within the radius contradicts nothing: PREDICT may abstain
wherever no class has much more than half.
"""

from collections.abc import Sequence

from pydantic import BaseModel

from robustify.evaluation.metrics import ImageOutcome, certified_accuracy
from workers.evaluation.attacks.rows import AttackRow
from workers.evaluation.attacks.runs import share
from workers.evaluation.runs import Row


class Alarm(BaseModel):
    """An adversarial image within a certified radius."""

    index: int
    file: str
    certified: int
    """The class."""
    radius: float
    answered: int
    """The class at the adversarial image."""
    p_value: float | None
    distance: float
    image_sha256: str


class BesideSummary(BaseModel):
    """Both on the same images. `certified_accuracy` is at `eps`, the largest distance of the attack.

    `abstained_inside`: certified images that were not answered at an image within their radius.
    """

    images: int
    eps: float
    clean_accuracy: float
    robust_accuracy: float
    certified_accuracy: float
    abstained_inside: int
    alarms: tuple[Alarm, ...]


def beside(rows: Sequence[Row], attacked: Sequence[AttackRow], eps: float) -> BesideSummary:
    """Pairs rows by their index; images that could not be used are left out."""
    by_index = {row.index: row for row in rows}
    pairs = [(by_index[row.index], row) for row in attacked if row.problem is None and row.index in by_index]
    outcomes = [ImageOutcome(row.label, row.answer, row.radius) for row, _ in pairs]
    return BesideSummary(
        images=len(pairs),
        eps=eps,
        clean_accuracy=share([attack.is_clean for _, attack in pairs]),
        robust_accuracy=share([attack.is_robust for _, attack in pairs]),
        certified_accuracy=certified_accuracy(outcomes, eps),
        abstained_inside=sum(is_inside(row, attack) and attack.answer_after is None for row, attack in pairs),
        alarms=tuple(alarm for row, attack in pairs if (alarm := alarm_of(row, attack)) is not None),
    )


def is_inside(row: Row, attack: AttackRow) -> bool:
    """Whether the adversarial image lies within the certified radius."""
    return row.radius is not None and attack.distance <= row.radius


def alarm_of(row: Row, attack: AttackRow) -> Alarm | None:
    """None where the attack contradicts nothing."""
    if not is_inside(row, attack) or attack.answer_after in (None, row.answer):
        return None
    assert row.radius is not None
    assert row.answer is not None
    assert attack.answer_after is not None
    return Alarm(
        index=row.index,
        file=attack.file,
        certified=row.answer,
        radius=row.radius,
        answered=attack.answer_after,
        p_value=attack.p_value_after,
        distance=attack.distance,
        image_sha256=attack.image_sha256,
    )
