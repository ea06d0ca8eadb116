"""The seven checks without which no attack is trusted (`robustify attack --check`): see docs/laboratory.md."""

import math
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from workers.evaluation.attacks.attacker import Attack, Attacker
from workers.evaluation.attacks.beside import alarm_of, is_inside
from workers.evaluation.attacks.check import CheckResult, Checks, counted, is_more
from workers.evaluation.attacks.oracle_images import OracleImages
from workers.evaluation.attacks.plan import DEFAULT_STEPS, PAPER_COPIES, AttackMethod, AttackMode, AttackPlan
from workers.evaluation.attacks.proof import PROVEN, ProofRow, prove
from workers.evaluation.attacks.rows import AttackRow
from workers.evaluation.data.dataset import Dataset, Sample
from workers.evaluation.procedure import Procedure
from workers.evaluation.rows import Evaluator
from workers.evaluation.runs import Row

WEAKER = 4
"""How many times fewer steps and copies a weaker attack has."""
CERTIFICATE_SAMPLES = 1000
MOST_ZEROS = 0.1
"""Share of gradients: with more of them an attack has seen little of its loss."""
PROOF_SIDE = 16
"""Of the oracle's images in the proof: a quarter of the work of 32, and the same answer."""
Tried = tuple[AttackRow, np.ndarray]


@dataclass(frozen=True)
class Checked:
    """An attack on one classifier and the images to check it on."""

    attack: Attack
    dataset: Dataset
    proof_images: int
    proof_steps: int | None = None
    queries: int = DEFAULT_STEPS[AttackMethod.SQUARE]
    """Of the black box."""

    @cached_property
    def attacker(self) -> Attacker:
        return Attacker(self.attack)

    @property
    def plan(self) -> AttackPlan:
        assert self.attack.plan is not None
        return self.attack.plan

    @cached_property
    def samples(self) -> list[Sample]:
        """Those that can be used."""
        samples = (self.dataset.sample(index) for index in range(len(self.dataset)))
        return [sample for sample in samples if sample.tensor is not None]

    @cached_property
    def tried(self) -> list[Tried]:
        """The attack itself."""
        return self.tried_by(self.attacker)

    def tried_by(self, attacker: Attacker) -> list[Tried]:
        found = [attacker.row(sample) for sample in self.samples]
        return [(row, image) for row, image in found if image is not None]

    def robust(self, attacker: Attacker | None = None) -> list[bool]:
        """Whether each image stands, under the attack itself unless another is given."""
        tried = self.tried if attacker is None else self.tried_by(attacker)
        return [row.is_robust for row, _ in tried]

    def by_plan(self, plan: AttackPlan) -> list[bool]:
        return self.robust(self.attacker.with_plan(plan))

    @property
    def has_gradients(self) -> bool:
        return self.plan.method is not AttackMethod.SQUARE


def run_checks(checked: Checked, on_progress: Callable[[int, int], None] = lambda done, total: None) -> Checks:
    """All seven, in their order."""
    checks = (proven, certified_is_at_most_empirical, more_work, black_box, transfer, large_eps, zero_gradients)
    results = []
    for done, check in enumerate(checks):
        on_progress(done, len(checks))
        results.append(check(checked))
    return Checks(images=len(checked.samples), results=tuple(results))


def proven(checked: Checked) -> CheckResult:
    """1. The exact oracle, by every attack."""
    rows = list(prove(OracleImages(checked.proof_images, PROOF_SIDE), PROVEN, checked.proof_steps))
    failed = [proof_text(row) for row in rows if not row.passed]
    missed = [proof_text(row) for row in rows if row.passed and row.beyond < row.images]
    return CheckResult(
        number=1,
        name="the exact oracle",
        done=f"every attack on {checked.proof_images} images of the linear oracle, logits x 1 and x 100",
        must_hold="at .98 of the exact radius none falls; at 1.02 all fall to each strong attack with gradients",
        measured=f"failed: {'; '.join(failed) or 'none'}. Weaker at 1.02: {'; '.join(missed) or 'none'}",
        passed=not failed,
    )


def proof_text(row: ProofRow) -> str:
    return f"{row.method} {row.mode} x{row.scale:g} {row.within}/{row.beyond} of {row.images}"


def certified_is_at_most_empirical(checked: Checked) -> CheckResult:
    """2. No attack within a certified radius."""
    done = f"CERTIFY with n {CERTIFICATE_SAMPLES} of every image, beside the attack"
    must_hold = "no image within its certified radius is answered as another class"
    if checked.attack.evaluation.smoothing == "no-smoothing":
        measured, passed = "nothing is certified of a classifier without smoothing", None
    else:
        evaluator = certifying(checked.attacker.evaluator)
        pairs = [(evaluator.row(sample), row) for sample, (row, _) in zip(checked.samples, checked.tried, strict=True)]
        alarms = [pair for pair in pairs if alarm_of(*pair) is not None]
        inside = [pair for pair in pairs if is_inside(*pair)]
        measured, passed = f"{len(alarms)} alarms; {len(inside)} of {len(pairs)} lie within their radius", not alarms
        measured += abstentions(inside)
    return result(2, "certified at most empirical", done, must_hold, measured, passed)


def abstentions(inside: Sequence[tuple[Row, AttackRow]]) -> str:
    silent = sum(row.answer_after is None for _, row in inside)
    return f", {silent} of them abstained at" if silent else ""


def certifying(evaluator: Evaluator) -> Evaluator:
    """The same models, for CERTIFY as the paper has it."""
    other, evaluation = copy(evaluator), evaluator.evaluation
    parameters = replace(evaluation.parameters, n=CERTIFICATE_SAMPLES)
    other.evaluation = replace(evaluation, procedure=Procedure(), parameters=parameters)
    return other


def more_work(checked: Checked) -> CheckResult:
    """3. More steps, restarts or copies leave no more images standing."""
    compared = [(name, checked.by_plan(less), checked.by_plan(more)) for name, less, more in work_pairs(checked.plan)]
    rises = [name for name, less, more in compared if is_more(less, more)]
    return result(
        3,
        "more work",
        "the attack again with fewer steps and copies, and with twice the restarts",
        "no more images stand when it works more",
        "; ".join(f"{name}: {counted(less)}, then {counted(more)} stand" for name, less, more in compared),
        not rises,
    )


def work_pairs(plan: AttackPlan) -> Iterator[tuple[str, AttackPlan, AttackPlan]]:
    """What is more of, less of it, and more of it."""
    yield f"steps {fewer(plan.steps)} and {plan.steps}", replace(plan, steps=fewer(plan.steps)), plan
    if plan.m > 1:
        yield f"m {fewer(plan.m)} and {plan.m}", replace(plan, m=fewer(plan.m)), plan
    if plan.mode is AttackMode.STRONG and plan.method is not AttackMethod.SQUARE:
        more = replace(plan, restarts=2 * plan.restarts)
        yield f"restarts {plan.restarts} and {more.restarts}", plan, more


def fewer(count: int) -> int:
    return max(1, count // WEAKER)


def black_box(checked: Checked) -> CheckResult:
    """4. Square does not beat the white box."""
    plan = replace(checked.plan, method=AttackMethod.SQUARE, steps=checked.queries, restarts=1)
    done, must_hold = f"Square with {plan.steps} queries at the same eps", "it fells no more images than the attack"
    if not checked.has_gradients:
        return result(4, "black box", done, must_hold, "the attack is Square itself", None)
    if checked.attack.evaluation.smoothing != "no-smoothing":
        plan = replace(plan, m=max(plan.m, PAPER_COPIES))
    ours, theirs = checked.robust(), checked.by_plan(plan)
    return result(4, "black box", done, must_hold, stand(ours, theirs, "Square"), not is_more(theirs, ours))


def transfer(checked: Checked) -> CheckResult:
    """5. Images made against the undefended classifier do not beat the white box."""
    done = "images of PGD on the bare classifier without smoothing, at the same eps"
    must_hold = "they fell no more images than the attack"
    if not checked.has_gradients:
        return result(5, "transfer", done, must_hold, "the classifier is attacked without gradients", None)
    images = undefended_images(checked)
    ours, theirs = checked.robust(), checked.robust(checked.attacker.with_images(images))
    return result(5, "transfer", done, must_hold, stand(ours, theirs, "transfer"), not is_more(theirs, ours))


def undefended_images(checked: Checked) -> Callable[[Sample], np.ndarray]:
    """From a sample to what PGD makes of it against the classifier alone."""
    plan = AttackPlan(AttackMethod.PGD, AttackMode.STRONG, checked.plan.eps, DEFAULT_STEPS[AttackMethod.PGD], m=1)
    evaluation = replace(checked.attack.evaluation, smoothing="no-smoothing")
    undefended = Attacker(Attack(evaluation, plan, attacks_wrong=True))
    return lambda sample: undefended.adversarial(sample)[0]


def large_eps(checked: Checked) -> CheckResult:
    """6. Nothing stands when everything may be changed."""
    shape = checked.samples[0].tensor.shape if checked.samples[0].tensor is not None else (3, 1, 1)
    plan = replace(checked.plan, eps=math.sqrt(math.prod(shape)) / 2)
    standing = checked.by_plan(plan)
    done = f"the attack at eps {plan.eps:.1f}, at which every image may become grey"
    return result(6, "large eps", done, "no image stands", f"{counted(standing)} stand", not any(standing))


def zero_gradients(checked: Checked) -> CheckResult:
    """7. The attack sees a slope."""
    return zero_gradient_check([row for row, _ in checked.tried])


def zero_gradient_check(rows: Sequence[AttackRow]) -> CheckResult:
    """The same of the rows of any run."""
    shares = [row.zero_gradients for row in rows if row.attacked]
    share = sum(shares) / len(shares) if shares else 0.0
    must_hold = f"at most {MOST_ZEROS:.0%} of the gradients are exactly zero"
    done = f"gradients of {len(shares)} attacked images"
    return result(7, "zero gradients", done, must_hold, f"{share:.1%}", share <= MOST_ZEROS if shares else None)


def stand(ours: Sequence[bool], theirs: Sequence[bool], name: str) -> str:
    return f"{counted(ours)} stand under the attack, {counted(theirs)} under {name}"


def result(number: int, name: str, done: str, must_hold: str, measured: str, passed: bool | None) -> CheckResult:
    return CheckResult(number=number, name=name, done=done, must_hold=must_hold, measured=measured, passed=passed)
