"""What the command line prints for people; `--json` prints the same documents as they are."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from robustify.smoothing.statistics import rounded_down


def print_prediction(console: Console, result: Mapping[str, Any]) -> None:
    answer = result["label"] if result["outcome"] == "predicted" else "abstained: no class leads clearly"
    console.print(Text(answer, "bold"))
    console.print(votes_table(result["votes"]))
    console.print(
        f"samples {result['samples_used']} of {result['n']}   p-value {result['p_value']:.3g}   "
        f"{circumstances(result)}",
        highlight=False,
    )


def print_certificate(console: Console, result: Mapping[str, Any]) -> None:
    console.print(Text(certificate_line(result), "bold"))
    console.print(votes_table(result["votes"]))
    p_lower = rounded_down(result["p_lower"])
    console.print(
        f"samples {result['samples_used']} of {result['n0'] + result['n']}   bound {result['bound']}   "
        f"p lower {p_lower:.4f}   {circumstances(result)}",
        highlight=False,
    )


def circumstances(result: Mapping[str, Any]) -> str:
    return f"alpha {result['alpha']:g}   sigma {result['sigma']:g}   {result['seconds']:.2f} s"


def certificate_line(result: Mapping[str, Any]) -> str:
    if result["outcome"] != "certified":
        return UNCERTIFIED[result["outcome"]]
    radius, source = (f"{rounded_down(result[name]):.4f}" for name in ("radius", "radius_source_pixels"))
    return (
        f"{result['label']} within L2 radius {radius} of the canonical image ({source} in pixels of the file), "
        f"wrong with probability at most {result['alpha']:g}"
    )


UNCERTIFIED = {
    "abstained": "abstained: no radius can be certified",
    "not_certified": "not certified: the radius is out of reach for this image",
    "undecided": "undecided: the radius is too close to what this image has",
}


def print_verification(console: Console, document: Mapping[str, Any]) -> None:
    table = Table("check", "result", "what was found", box=None, pad_edge=False)
    for check in document["checks"]:
        table.add_row(check["name"], "passed" if check["passed"] else "FAILED", Text(check["detail"]))
    console.print(table)
    failed = [check["name"] for check in document["checks"] if not check["passed"]]
    console.print(Text(f"not valid: {', '.join(failed)}" if failed else "valid", "bold"))


def print_value(console: Console, document: Mapping[str, Any]) -> None:
    """The only value of a document, by itself."""
    (value,) = document.values()
    console.print(value, soft_wrap=True, highlight=False, markup=False)


def votes_table(votes: list[Mapping[str, Any]], rows: int = 5) -> Table:
    """The classes with the most votes."""
    table = Table("label", "votes", box=None, pad_edge=False)
    for vote in sorted(votes, key=lambda vote: -vote["count"])[:rows]:
        table.add_row(Text(vote["label"]), str(vote["count"]))
    return table


def print_plan(console: Console, document: Mapping[str, Any]) -> None:
    fewest = document["fewest"]
    console.print(
        f"radius {document['target_radius']:g} at sigma {document['sigma']:g}, wrong with probability at most "
        f"{document['alpha']:g}: the class must have probability {document['p_needed']:.4f}; "
        f"at least {fewest['adaptive']} estimation samples, {fewest['fixed']} where all are taken",
        highlight=False,
    )
    ends_of = ("certified", "not", "undecided")
    table = Table("p", "samples", "seconds", *ends_of, "fixed", "seconds", "certified", box=None, pad_edge=False)
    for cost in document["costs"]:
        adaptive, fixed = cost["adaptive"], cost["fixed"]
        ends = [f"{adaptive[end]:.1%}" for end in ("certified", "not_certified", "undecided")]
        spent = [f"{adaptive['samples']:.0f}", seconds_text(adaptive["seconds"])]
        always = [str(fixed["samples"]), seconds_text(fixed["seconds"]), f"{fixed['certified']:.1%}"]
        table.add_row(f"{cost['p']:g}", *spent, *ends, *always)
    console.print(table)


def seconds_text(seconds: float | None) -> str:
    return "?" if seconds is None else f"{seconds:.1f}"


def print_models(console: Console, document: Mapping[str, Any]) -> None:
    table = Table("profile", "here", "images", "licence", "what it is")
    for model in document["models"]:
        size, here = f"{model['side']} x {model['side']}", "yes" if model["available"] else "no"
        table.add_row(model["name"], here, size, model["licence"], model["description"])
    console.print(table)


def print_pull(console: Console, result: Mapping[str, Any]) -> None:
    lines = {
        "pulled": f"the models of {result['profile']} are in {result['folder']}",
        "there": f"the models of {result['profile']} were in {result['folder']} already",
        "not_needed": f"the models of {result['profile']} come with the installation",
    }
    console.print(lines[result["outcome"]], highlight=False, soft_wrap=True)


def print_findings(console: Console, result: Mapping[str, Any]) -> None:
    for finding in result["findings"] or [f"the models of {result['profile']} are whole"]:
        console.print(finding, highlight=False, markup=False, soft_wrap=True)


def print_adaptation(console: Console, result: Mapping[str, Any]) -> None:
    task = result["task"]
    lines = {
        "registered": f"task {task['name']}: its labels answer as version {task['version']}",
        "published": f"task {task['name']}: version {task['version']} answers now",
        "not_published": f"task {task['name']}: version {task['version']} did worse than before and does not answer",
    }
    console.print(Text(lines[result["outcome"]], "bold"))
    if result["figures"]:
        table = Table("sigma", "held-back references", "accuracy before", "after", "ACR before", "after")
        for before, after in zip(result["figures"]["before"], result["figures"]["after"], strict=True):
            accuracies = [f"{found['accuracy']:.1%}" for found in (before, after)]
            radii = [f"{found['acr']:.3f}" for found in (before, after)]
            table.add_row(f"{before['sigma']:g}", str(before["images"]), *accuracies, *radii)
        console.print(table)


def print_figures(console: Console, figures: Mapping[str, Any]) -> None:
    table = Table("figure", "value", box=None, pad_edge=False)
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), f"{value:.4g}" if isinstance(value, float) else str(value))
    console.print(table)


def print_evaluation(console: Console, summary: Mapping[str, Any]) -> None:
    table = Table("figure", "value", box=None, pad_edge=False)
    for name, value in summary.items():
        if name == "certified_accuracy":
            for radius, accuracy in value.items():
                table.add_row(f"certified accuracy at {radius}", f"{accuracy:.1%}")
        elif name in ("clean_accuracy", "abstained"):
            table.add_row(name.replace("_", " "), f"{value:.1%}")
        else:
            table.add_row(name.replace("_", " "), f"{value:.4g}" if isinstance(value, float) else str(value))
    console.print(table)
