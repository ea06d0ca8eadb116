"""The models of one process under attack: one image after the other, answered before and after."""

import time
from collections.abc import Callable
from copy import copy
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from adapters.canonical_json import canonical_digest
from adapters.models.gradients import has_gradients
from robustify.attacks.budget import l2_distance
from robustify.attacks.objective import Effort
from robustify.pipeline import DenoiseAndClassify
from workers.evaluation.attacks.images import digest_of
from workers.evaluation.attacks.methods import Target, run_plan
from workers.evaluation.attacks.plan import AttackMethod, AttackPlan
from workers.evaluation.attacks.rows import AttackRow
from workers.evaluation.data.dataset import Sample
from workers.evaluation.rows import Evaluator
from workers.evaluation.runs import Evaluation


@dataclass(frozen=True)
class Attack:
    """Everything that decides a run's rows. `evaluation` says what answers, by PREDICT or by f alone.

    `plan` is None where `source` names another run, whose images are taken. `attacks_wrong`: whether images that are
    answered wrongly already are attacked too, so that their images can be used against other methods.
    """

    evaluation: Evaluation
    plan: AttackPlan | None
    source: str | None = None
    attacks_wrong: bool = False

    @property
    def digest(self) -> str:
        """Rows of one folder carry one digest: a run is never continued with other settings."""
        parts: dict[str, Any] = {  # Any: plain values, as JSON has them.
            "evaluation": self.evaluation.digest,
            "plan": asdict(self.plan) if self.plan else None,
            "source": self.source,
            "attacks_wrong": self.attacks_wrong,
        }
        return canonical_digest(parts)[:16]


Images = Callable[[Sample], np.ndarray]
"""From a sample to the image that is tried in its place."""
Known = dict[str, Any]
"""Some fields of a row. Any: each has a type of its own, which the row checks."""


class Attacker:
    """Attacks what an evaluation would ask; `kept` gives images of an earlier run instead."""

    def __init__(self, attack: Attack, kept: Images | None = None) -> None:
        self.attack, self.kept = attack, kept
        self.evaluator = Evaluator(attack.evaluation)
        self.base_classifier = base_classifier(self.evaluator)

    def row(self, sample: Sample) -> tuple[AttackRow, np.ndarray | None]:
        """The row of an image and the image that was found; None where the file cannot be used."""
        named = {"index": sample.index, "file": sample.file, "sha256": sample.sha256, "label": sample.label}
        if sample.tensor is None:
            return AttackRow(**named, problem=sample.problem, run=self.attack.digest), None
        started, clean = time.perf_counter(), sample.tensor
        before = self.answered_before(clean)
        is_tried = before["answer_before"] == sample.label or self.attack.attacks_wrong
        found, after = self.tried(sample) if is_tried else (clean, {"answer_after": before["answer_before"]})
        measured = {
            "distance": l2_distance(torch.from_numpy(found), torch.from_numpy(clean)),
            "seconds": round(time.perf_counter() - started, 3),
            "clean_sha256": digest_of(clean),
            "image_sha256": digest_of(found),
        }
        return AttackRow(**named, **before, **after, **measured, run=self.attack.digest), found

    def answered_before(self, clean: np.ndarray) -> Known:
        """By what is evaluated; where it abstains, by the base classifier too."""
        answer = self.evaluator.answer(clean)["answer"]
        base = {"base_answer": self.evaluator.classify(clean)["answer"]} if answer is None else {}
        return {"answer_before": answer, **base}

    def tried(self, sample: Sample) -> tuple[np.ndarray, Known]:
        """An adversarial image, what is answered there, and what it took to find it."""
        found, effort = self.adversarial(sample)
        answered = self.evaluator.answer(found)
        return found, {
            "attacked": True,
            "answer_after": answered["answer"],
            "p_value_after": answered.get("p_value"),
            "votes_after": answered.get("votes"),
            "zero_gradients": effort.zero_share,
            "forwards": effort.forwards,
        }

    def adversarial(self, sample: Sample) -> tuple[np.ndarray, Effort]:
        """(3, H, W) in [0, 1], float32."""
        if self.kept is not None:
            return self.kept(sample), Effort()
        assert sample.tensor is not None
        plan = self.attack.plan
        assert plan is not None
        clean = torch.from_numpy(np.ascontiguousarray(sample.tensor, dtype=np.float32))
        found = run_plan(plan, self.target(plan), clean, sample.label, digest_of(sample.tensor))
        return found.image.cpu().numpy().astype(np.float32, copy=False), found.effort

    def with_plan(self, plan: AttackPlan) -> "Attacker":
        """The same models, attacked by another plan."""
        other = copy(self)
        other.attack, other.kept = replace(self.attack, plan=plan), None
        return other

    def with_images(self, kept: Images) -> "Attacker":
        """The same models, tried with images that are there already."""
        other = copy(self)
        other.kept = kept
        return other

    def target(self, plan: AttackPlan) -> Target:
        """What the plan attacks: smoothed with noise, or without it."""
        f, evaluation = self.base_classifier, self.attack.evaluation
        is_smoothed = evaluation.smoothing != "no-smoothing" and plan.method is not AttackMethod.PGD
        return Target(
            f,
            evaluation.parameters.sigma if is_smoothed else None,
            self.evaluator.model.profile.samples_per_batch(evaluation.settings),
            self.evaluator.device,
            has_gradients(f.classifier),
        )


def base_classifier(evaluator: Evaluator) -> DenoiseAndClassify:
    """f of Eq. 4, as it answers.

    Made before anything is counted: the features of labels that were made while votes are counted have no gradients.
    """
    evaluation = evaluator.evaluation
    return evaluator.models.base_classifier(evaluation.task, evaluation.parameters.sigma)
