"""Figures for others' lists: the model-index of a model card of Hugging Face, and RobustBench's field names."""

import json
from collections.abc import Iterator, Mapping

from huggingface_hub import EvalResult, ModelCardData
from pydantic import BaseModel

from workers.evaluation.comparison.document import Comparison
from workers.evaluation.methods.method import NamedMethod
from workers.evaluation.reports.escaping import one_line
from workers.evaluation.reports.figures import Figure
from workers.evaluation.reports.summary import ReportSummary

TASK = "zero-shot-image-classification"
THREAT_MODEL = "L2"
Arguments = Mapping[str, float | str]
"""Of a metric."""


class RobustBenchEntry(BaseModel):
    """One line of a list, as RobustBench names its fields; accuracies are texts in per cent there. What its AutoAttack
    would find is not known here: `robust_acc` is under the attack that is named. The last four fields are ours.
    """

    name: str
    dataset: str
    threat_model: str
    eps: str
    clean_acc: str
    robust_acc: str
    additional_data: bool | None
    number_forward_passes: int
    attack: str
    sigma: float
    certified_acc: str | None
    images: int


def model_index(summary: ReportSummary, method: NamedMethod) -> str:
    """The metadata of a model card in YAML; empty where the method has no figures."""
    results = [*certified_results(summary, method), *robust_results(summary, method)]
    if not results:
        return ""
    # Its writer wants a name of the repository, and no more.
    return str(ModelCardData(model_name=one_line(method.title), eval_results=results).to_yaml()) + "\n"


def certified_results(summary: ReportSummary, method: NamedMethod) -> Iterator[EvalResult]:
    for found in summary.certified:
        if found.method != method.name:
            continue
        arguments = {"sigma": found.sigma, "images": found.images}
        yield result(summary.comparison, found.set, "accuracy", "accuracy", found.clean_accuracy, arguments)
        for radius, figure in found.certified_accuracy.items():
            name = f"certified accuracy at L2 radius {radius}, sigma {found.sigma:g}"
            at_radius = {**arguments, "radius": float(radius)}
            yield result(summary.comparison, found.set, "certified_accuracy", name, figure, at_radius)
        if found.acr is not None:
            name = f"average certified radius, sigma {found.sigma:g}"
            yield result(summary.comparison, found.set, "average_certified_radius", name, found.acr, arguments)


def robust_results(summary: ReportSummary, method: NamedMethod) -> Iterator[EvalResult]:
    for found in summary.robust:
        for mode, figure in found.robust_accuracy.items():
            if found.method == method.name:
                name = f"robust accuracy, L2 eps {found.eps:g}, {mode} attack"
                arguments: Arguments = {"eps": found.eps, "sigma": found.sigma, "images": found.images, "attack": mode}
                yield result(summary.comparison, found.set, "robust_accuracy", name, figure, arguments)


def result(
    comparison: Comparison, set_name: str, kind: str, name: str, figure: Figure, arguments: Arguments
) -> EvalResult:
    return EvalResult(
        task_type=TASK,
        dataset_type=one_line(set_name),
        dataset_name=one_line(set_name),
        metric_type=kind,
        metric_name=f"{name} ({comparison.config.name})",
        metric_value=round(figure.mean, 4),
        metric_args=dict(arguments),
    )


def robustbench(summary: ReportSummary) -> str:
    """A JSON list, one entry for each method, set, pair and mode."""
    return json.dumps([entry.model_dump() for entry in entries(summary)], indent=1) + "\n"


def entries(summary: ReportSummary) -> Iterator[RobustBenchEntry]:
    comparison = summary.comparison
    plans = {(attack.method, attack.eps, attack.mode.value): attack for attack in comparison.attacks}
    for found in summary.robust:
        for mode, figure in found.robust_accuracy.items():
            attack = plans[found.method, found.eps, mode]
            certified = found.certified_accuracy
            is_smoothed = comparison.method(found.method).smoothing != "no-smoothing"
            yield RobustBenchEntry(
                name=comparison.method(found.method).title,
                dataset=found.set,
                threat_model=THREAT_MODEL,
                eps=f"{found.eps:g}",
                clean_acc=in_per_cent(found.clean_accuracy),
                robust_acc=in_per_cent(figure),
                additional_data=None,
                number_forward_passes=attack.n if is_smoothed else 1,
                attack=f"{attack.plan.method} {mode}",
                sigma=found.sigma,
                certified_acc=None if certified is None else in_per_cent(certified),
                images=found.images,
            )


def in_per_cent(figure: Figure) -> str:
    return f"{100 * figure.mean:.2f}"
