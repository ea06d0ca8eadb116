"""An advice as one page, in Markdown; `html_page` makes of it a file that opens without a network."""

import re
from collections.abc import Iterator, Sequence

from workers.evaluation.advice.document import Advice, ProtectedAnswers
from workers.evaluation.advice.wording import headline, interval, notes, percent, reason, rightly, seconds
from workers.evaluation.reports.escaping import markdown

NOTHING = "–"


def markdown_page(advice: Advice) -> str:
    """The page; names of users are escaped."""
    return "\n\n".join(blocks(advice)) + "\n"


def blocks(advice: Advice) -> Iterator[str]:
    yield f"# What protection costs and gains on {markdown(advice.asked.dataset)}"
    yield about(advice)
    yield f"**{headline(advice)}** {reason(advice)}"
    if advice.pictures:
        yield from tables(advice)
    if advice.commands:
        yield "## What to run"
        for command in advice.commands:
            yield f"{command.title}:\n\n{fenced(command.text)}"
    yield "## Good to know"
    yield "\n".join(f"- {note}" for note in [*notes(advice), *unreadable_notes(advice)])


def about(advice: Advice) -> str:
    """What was measured, and on what."""
    asked, data = advice.asked, advice.data
    threads = f", {asked.threads} thread{'' if asked.threads == 1 else 's'}" if asked.device == "cpu" else ""
    return (
        f"Measured on {advice.pictures} pictures of {data.total}, with {asked.classes} labels and profile "
        f"{markdown(asked.profile)}, on this machine ({asked.device}{threads}, {asked.number_format})."
    )


def tables(advice: Advice) -> Iterator[str]:
    yield "## Answers"
    yield answers_table(advice)
    yield (
        "With protection the answer is PREDICT's, which abstains where no class leads clearly; *lost* and *gained* are "
        f"pictures that are answered {rightly(advice)} only without, and only with protection."
    )
    yield "## Radii"
    yield radii_table(advice)
    yield (
        f"Pictures of {advice.pictures} that are certified {rightly(advice)} for so large a change or more, with n "
        f"{advice.asked.n:,} and alpha {advice.asked.alpha:g}. So few samples cannot certify more than the largest "
        "radius in the last line, however sure the classifier is."
    )
    yield "## Cost on this machine"
    yield cost_table(advice)
    if advice.recommended is not None:
        yield f"## What samples buy at sigma {advice.recommended.sigma:g}, radius {advice.recommended.target_radius:g}"
        yield steps_table(advice)


def answers_table(advice: Advice) -> str:
    head = ["", rightly(advice), "of all", "interval (95%)", "abstained", "lost", "gained"]
    right = advice.plain.right
    plain = [str(right.count), percent(right.count / right.of), interval(right)] if right else [NOTHING] * 3
    rows = [["without protection", *plain, *[NOTHING] * 3]]
    return table(head, [*rows, *map(answers_row, advice.protected)])


def answers_row(found: ProtectedAnswers) -> list[str]:
    right = found.right
    changed = [str(found.abstained), str(found.lost), str(found.gained)]
    share = percent(right.count / right.of)
    return [f"sigma {found.sigma:g}", str(right.count), share, interval(right), *changed]


def radii_table(advice: Advice) -> str:
    radii = sorted({radius for found in advice.protected for radius in found.certified}, key=float)
    rows = [
        [f"more than {radius}" if float(radius) == 0 else radius]
        + [str(found.certified.get(radius, NOTHING)) for found in advice.protected]
        for radius in radii
    ]
    averages = [f"{found.average_radius:.3f}" for found in advice.protected]
    largest = [f"{found.largest_radius:.3f}" for found in advice.protected]
    head = ["radius", *(f"sigma {found.sigma:g}" for found in advice.protected)]
    return table(head, [*rows, ["average radius", *averages], ["largest with this n", *largest]])


def cost_table(advice: Advice) -> str:
    certified = advice.asked.n0 + advice.asked.n
    rows = [["without protection", "1", seconds(advice.plain.seconds)]]
    for found in advice.protected:
        mean = f"{found.predict_samples:.0f} on average"
        rows.append([f"answer at sigma {found.sigma:g}", mean, seconds(found.predict_seconds)])
    for found in advice.protected:
        rows.append([f"certificate at sigma {found.sigma:g}", f"{certified:,}", seconds(found.certify_seconds)])
    if (best := advice.recommended) is not None:
        samples = f"{best.samples:,.0f} on average, {best.n0 + best.n:,} at most"
        rows.append(["certificate as recommended", samples, seconds(best.seconds)])
    return table(["", "samples", "seconds for a picture"], rows)


def steps_table(advice: Advice) -> str:
    assert advice.recommended is not None
    rows = [
        [f"{step.n:,}", f"{step.expected:.1f} of {advice.pictures}", seconds(step.seconds_at_most)]
        for step in advice.recommended.steps
    ]
    return table(["n", "expected to be certified", "seconds at most"], rows)


def unreadable_notes(advice: Advice) -> Iterator[str]:
    for found in advice.unreadable:
        yield f"{markdown(found.file)} could not be used: {markdown(found.problem)}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def fenced(text: str) -> str:
    """As code, whatever backticks it has."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"
