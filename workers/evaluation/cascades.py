"""`robustify evaluate` at several sigmas: a run for each at its share of alpha, and each image's largest radius."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import BaseModel

from robustify.evaluation.metrics import ImageOutcome
from robustify.smoothing.cascade import shared_alpha
from robustify.smoothing.lattice import slack_of
from robustify.types import SmoothingParameters
from workers.evaluation.runs import Evaluation, Kept, Summary, summary


class CascadeSummary(BaseModel):
    """`alpha` is what a radius of the cascade is wrong with at most; each of the runs, by sigma, has a share of it."""

    alpha: float
    cascade: Summary
    runs: Mapping[str, Summary]


@dataclass(frozen=True)
class RowsOfSigma:
    """A run and its rows, those of all images in their order."""

    evaluation: Evaluation
    rows: Sequence[Kept]

    @property
    def sigma(self) -> float:
        return self.evaluation.parameters.sigma


def evaluations_of(evaluation: Evaluation, sigmas: Sequence[float], side: int) -> list[Evaluation]:
    """One for each sigma, the smallest first, at its share of the evaluation's alpha; the slack of lattice noise, which
    goes by sigma, is each one's own. Images have `side` pixels.
    """
    asked, noise = evaluation.parameters, evaluation.procedure.noise
    share = shared_alpha(asked.alpha, len(sigmas))
    return [
        replace(
            evaluation,
            parameters=SmoothingParameters(sigma, asked.n0, asked.n, share, slack_of(noise, sigma, side, side)),
        )
        for sigma in sorted(sigmas)
    ]


def cascade_summary(runs: Sequence[RowsOfSigma], alpha: float) -> CascadeSummary:
    """Of runs with the smallest sigma first; all are about the same images."""
    merged = [merged_row(rows, runs) for rows in zip(*(run.rows for run in runs), strict=True)]
    return CascadeSummary(
        alpha=alpha,
        cascade=summary(runs[-1].evaluation, merged),
        runs={f"{run.sigma:g}": summary(run.evaluation, run.rows) for run in runs},
    )


def merged_row(rows: Sequence[Kept], runs: Sequence[RowsOfSigma]) -> Kept:
    """The answer with the largest radius; where none certifies, that of the smallest sigma, which sees most. It costs
    what all of them cost.
    """
    best = max(rows, key=lambda row: row.outcome.radius or 0.0)
    return Kept(
        outcome=ImageOutcome(best.outcome.label, best.outcome.answer, best.outcome.radius),
        samples=sum(samples_of(row, run) for row, run in zip(rows, runs, strict=True)),
        seconds=sum(row.seconds for row in rows),
        fingerprint=None,
        unreadable=best.unreadable,
    )


def samples_of(row: Kept, run: RowsOfSigma) -> int:
    parameters = run.evaluation.parameters
    return parameters.n0 + parameters.n if row.samples is None else row.samples
