"""What the command line prints for people; `--json` prints the same documents as they are."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from adapters.canonical_json import text_digest
from adapters.certificates.wording import licences_named, quoted
from adapters.contract.keys import PublicKeys
from adapters.contract.plan import AdaptiveCost, Plan
from adapters.contract.results import (
    AdaptResult,
    AnyCertifyResult,
    AnyVoted,
    CertifyResult,
    CertifySetsResult,
    CertifySigmasResult,
    LabelVotes,
    PredictResult,
    SetAnswer,
)
from adapters.contract.verification import VerificationResult
from robustify.smoothing.rules import Outcome
from robustify.smoothing.statistics import rounded_down
from workers.evaluation.cascades import CascadeSummary
from workers.evaluation.data.dataset import DataReport, LeftOut
from workers.evaluation.runs import Summary
from workers.server_client import ListedModels

MOST_CLASSES = 100
"""Are shown with their labels."""
UNCERTIFIED = {
    Outcome.ABSTAINED: "abstained: no radius can be certified",
    Outcome.NOT_CERTIFIED: "not certified: the radius is out of reach for this image",
    Outcome.UNDECIDED: "undecided: the radius is too close to what this image has",
}


def print_prediction(console: Console, result: PredictResult) -> None:
    label = "abstained: no class leads clearly" if result.label is None else quoted(result.label)
    console.print(Text(label, "bold"))
    console.print(votes_table(result.votes))
    console.print(
        f"samples {result.samples_used} of {result.n}   p-value {result.p_value:.3g}   {circumstances(result)}",
        highlight=False,
    )


def print_certified(console: Console, result: AnyCertifyResult) -> None:
    """Of one label set or of several, at one sigma or at several."""
    match result:
        case CertifySetsResult():
            print_sets(console, result)
        case CertifySigmasResult():
            print_sigmas(console, result)
        case CertifyResult():
            print_certificate(console, result)


def print_sigmas(console: Console, result: CertifySigmasResult) -> None:
    """What answers, and then all sigmas."""
    if result.radius is None:
        told = f"{UNCERTIFIED[Outcome.ABSTAINED]} at any sigma"
    else:
        told = f"{radius_line(result)}, at sigma {result.sigma:g}"
    console.print(Text(told, "bold"), soft_wrap=True)
    table = Table("sigma", "label", "radius", "in pixels of the file", "p lower", "votes", box=None, pad_edge=False)
    for answer in result.sigmas:
        table.add_row(f"{answer.sigma:g}", *set_cells(answer))
    console.print(table)
    console.print(
        f"samples {result.samples_used} of {result.n0 + result.n} at each sigma   bound {result.bound}   alpha "
        f"{result.alpha:g}, of each {result.alpha_each:.3g}   {result.seconds:.2f} s",
        highlight=False,
    )


def print_sets(console: Console, result: CertifySetsResult) -> None:
    certified = sum(answer.radius is not None for answer in result.sets)
    told = (
        f"{certified} of {len(result.sets)} label sets have a radius; all of these hold together, wrong with "
        f"probability at most {result.alpha:g}"
    )
    console.print(Text(told, "bold"), soft_wrap=True)
    table = Table("set", "label", "radius", "in pixels of the file", "p lower", "votes", box=None, pad_edge=False)
    for number, answer in enumerate(result.sets, start=1):
        table.add_row(str(number), *set_cells(answer))
    console.print(table)
    console.print(
        f"samples {result.samples_used} of {result.n0 + result.n}   bound {result.bound}   alpha of each "
        f"{result.alpha_each:.3g}   {circumstances(result)}",
        highlight=False,
    )


def set_cells(answer: SetAnswer) -> Sequence[str | Text]:
    """What stands in the row of a label set or a sigma; the label of one without a radius is no claim."""
    votes = 0 if answer.index is None else answer.votes[answer.index].count
    numbers = f"{rounded_down(answer.p_lower):.4f}", str(votes)
    if answer.radius is None:
        return Text("abstained"), "", "", *numbers
    source = answer.radius_source_pixels
    in_file = "nothing is claimed" if source is None else f"{rounded_down(source):.4f}"
    return Text(quoted(answer.label or "")), f"{rounded_down(answer.radius):.4f}", in_file, *numbers


def print_certificate(console: Console, result: CertifyResult) -> None:
    console.print(Text(certificate_line(result), "bold"))
    console.print(votes_table(result.votes))
    p_lower = rounded_down(result.p_lower)
    console.print(
        f"samples {result.samples_used} of {result.n0 + result.n}   bound {result.bound}   p lower {p_lower:.4f}   "
        f"{circumstances(result)}",
        highlight=False,
    )


def circumstances(result: AnyVoted) -> str:
    return f"alpha {result.alpha:g}   sigma {result.sigma:g}   {result.seconds:.2f} s"


def certificate_line(result: CertifyResult) -> str:
    if result.radius is None:
        return UNCERTIFIED[result.outcome]
    return radius_line(result)


def radius_line(result: CertifyResult | CertifySigmasResult) -> str:
    """Of what is certified."""
    source = "nothing is claimed of the pixels of the file"
    if result.radius_source_pixels is not None:
        source = f"{rounded_down(result.radius_source_pixels):.4f} in pixels of the file"
    return (
        f"{quoted(result.label or '')} within L2 radius {rounded_down(result.radius or 0.0):.4f} of the canonical "
        f"image ({source}), wrong with probability at most {result.alpha:g}"
    )


def print_verification(console: Console, result: VerificationResult) -> None:
    table = Table("check", "result", "what was found", box=None, pad_edge=False)
    for check in result.checks:
        table.add_row(check.name, "passed" if check.passed else "FAILED", Text(check.detail))
    console.print(table)
    if result.licences:
        console.print(Text(f"licences: {licences_named(result.licences)}"), soft_wrap=True)
    if result.issuers_word:
        console.print(Text(f"the issuer's word alone: {', '.join(result.issuers_word)}"))
    failed = [check.name for check in result.checks if not check.passed]
    console.print(Text(f"{result.verdict}: {', '.join(failed)}" if failed else result.verdict, "bold"))


def print_keys(console: Console, keys: PublicKeys) -> None:
    """The key that signs, and the digest of the other, which is long."""
    console.print(f"signing key  {keys.public_key}", soft_wrap=True, highlight=False)
    digest = text_digest(keys.noise_key.modulus)
    console.print(f"noise key    sha256 of its modulus {digest}", soft_wrap=True, highlight=False)


def votes_table(votes: Sequence[LabelVotes], rows: int = 5) -> Table:
    """The classes with the most votes."""
    table = Table("label", "votes", box=None, pad_edge=False)
    for vote in sorted(votes, key=lambda vote: -vote.count)[:rows]:
        table.add_row(Text(vote.label), str(vote.count))
    return table


def print_plan(console: Console, plan: Plan) -> None:
    adaptive, fixed = plan.fewest.adaptive, plan.fewest.fixed
    shared = f" for all {plan.label_sets} label sets together" if plan.label_sets > 1 else ""
    if plan.sigmas > 1:
        shared = f" for all {plan.sigmas} sigmas together"
    needed = f"{fixed} estimation samples"
    if adaptive is not None:
        needed = f"{adaptive} estimation samples, {fixed} where all are taken"
    console.print(
        f"radius {plan.target_radius:g} at sigma {plan.sigma:g}, wrong with probability at most "
        f"{plan.alpha:g}{shared}: the class must have probability {plan.p_needed:.4f}; at least {needed}",
        highlight=False,
    )
    early = ("samples", "seconds", "certified", "not", "undecided") if adaptive is not None else ()
    table = Table("p", *early, "fixed", "seconds", "certified", box=None, pad_edge=False)
    for cost in plan.costs:
        spent = () if cost.adaptive is None else adaptive_cells(cost.adaptive)
        always = [str(cost.fixed.samples), seconds_text(cost.fixed.seconds), f"{cost.fixed.certified:.1%}"]
        table.add_row(f"{cost.p:g}", *spent, *always)
    console.print(table)


def adaptive_cells(cost: AdaptiveCost) -> Sequence[str]:
    """What it takes, and how it ends."""
    ends = (cost.certified, cost.not_certified, cost.undecided)
    return f"{cost.samples:.0f}", seconds_text(cost.seconds), *(f"{end:.1%}" for end in ends)


def seconds_text(seconds: float | None) -> str:
    return "?" if seconds is None else f"{seconds:.1f}"


def print_models(console: Console, listed: ListedModels) -> None:
    table = Table("profile", "here", "images", "licence", "what it is")
    for model in listed.models:
        size, here = f"{model.side} x {model.side}", "yes" if model.available else "no"
        table.add_row(model.name, here, size, model.licence, model.description)
    console.print(table)


def print_adaptation(console: Console, result: AdaptResult) -> None:
    task = result.task
    lines = {
        "registered": f"its labels answer as version {task.version} of task {quoted(task.name)}",
        "published": f"version {task.version} answers now for task {quoted(task.name)}",
        "not_published": f"version {task.version} did worse than before and does not answer for {quoted(task.name)}",
    }
    console.print(Text(lines[result.outcome], "bold"))
    if result.figures:
        table = Table("sigma", "held-back references", "accuracy before", "after", "ACR before", "after")
        for before, after in zip(result.figures.before, result.figures.after, strict=True):
            accuracies = [f"{found.accuracy:.1%}" for found in (before, after)]
            radii = [f"{found.acr:.3f}" for found in (before, after)]
            table.add_row(f"{before.sigma:g}", str(before.images), *accuracies, *radii)
        console.print(table)


def print_figures(console: Console, figures: BaseModel) -> None:
    """Every field by its name."""
    console.print(figures_table(figures.model_dump(mode="json")))


def print_evaluation(console: Console, summary: Summary) -> None:
    shares = {name: f"{getattr(summary, name):.1%}" for name in ("clean_accuracy", "abstained")}
    by_radius = {
        f"certified_accuracy at {radius}": f"{share:.1%}" for radius, share in summary.certified_accuracy.items()
    }
    rest = summary.model_dump(exclude={"certified_accuracy", "unreadable", "data", *shares})
    figures = {"images": rest.pop("images"), "unreadable": len(summary.unreadable)}
    console.print(figures_table({**figures, **shares, **by_radius, **rest}))
    for found in summary.unreadable:
        console.print(Text(f"unreadable: {found.file}: {found.problem}"), soft_wrap=True)


def print_cascade(console: Console, found: CascadeSummary) -> None:
    """The cascade first, then each of its runs in a column."""
    print_columns(console, {"cascade": found.cascade, **{f"sigma {sigma}": run for sigma, run in found.runs.items()}})
    console.print(f"{found.cascade.images} images; with alpha {found.alpha:g} for all sigmas together")
    for unreadable in found.cascade.unreadable:
        console.print(Text(f"unreadable: {unreadable.file}: {unreadable.problem}"), soft_wrap=True)


def print_columns(console: Console, columns: Mapping[str, Summary]) -> None:
    """The figures of several runs, each in a column."""
    table = Table("figure", *(Column(Text(name)) for name in columns), box=None, pad_edge=False)
    radii = sorted({radius for run in columns.values() for radius in run.certified_accuracy}, key=float)
    for name in ("clean_accuracy", "abstained"):
        table.add_row(name.replace("_", " "), *(f"{getattr(run, name):.1%}" for run in columns.values()))
    for radius in radii:
        shares = (f"{run.certified_accuracy.get(radius, 0.0):.1%}" for run in columns.values())
        table.add_row(f"certified accuracy at {radius}", *shares)
    table.add_row("acr", *(f"{run.acr:.4f}" for run in columns.values()))
    table.add_row("samples", *(str(run.samples) for run in columns.values()))
    console.print(table)


def report_lines(report: DataReport) -> list[str]:
    """What of a data set is taken, and what is not, for people; `--json` has all of it."""
    classes = [f"class {found.folder}: {quoted(found.label)}" for found in report.classes[:MOST_CLASSES]]
    if len(report.classes) > MOST_CLASSES:
        classes.append(f"and {len(report.classes) - MOST_CLASSES} classes more: see --json")
    taken = f"{report.images} of {report.total} images, read as {report.layout}"
    return [taken, *map(left_out_line, report.left_out), *report.notes, *classes]


def left_out_line(left_out: LeftOut) -> str:
    more = ", ..." if left_out.count > len(left_out.names) else ""
    return f"left out, {left_out.reason}: {left_out.count} ({', '.join(left_out.names)}{more})"


def figures_table(figures: Mapping[str, object]) -> Table:
    table = Table("figure", "value", box=None, pad_edge=False)
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), f"{value:.4g}" if isinstance(value, float) else str(value))
    return table
