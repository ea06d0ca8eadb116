"""What must be true after a soak, and its report in Markdown."""

from collections import Counter
from collections.abc import Callable, Sequence

from tests.faults.percentiles import percentile
from tests.soak.load import Sent
from tests.soak.run import Outcome
from tests.soak.watch import Reading

MOST_GROWTH = 1.05
"""From the third quarter of a run to the last one."""
MOST_FELT = 1.5
"""What a flood of one key may make of the predictions of others."""
SETTLED_SECONDS = 600.0
"""Of a shorter run the second half does not tell what grows: it begins before the first jobs are forgotten."""
FEWEST_PROBES = 20
NOT_WELL = ("lost", "failed", "expired", "canceled")
MEASURES: dict[str, Callable[[Reading], float]] = {
    "API, MiB": lambda reading: reading.api / 2**20,
    "workers, MiB": lambda reading: reading.workers / 2**20,
    "queue server, MiB": lambda reading: reading.queue / 2**20,
    "disk, MiB": lambda reading: reading.disk / 2**20,
    "keys of the queue server": lambda reading: reading.keys,
}


def judge(outcome: Outcome) -> list[str]:
    """What is not as it must be, in words."""
    wrong = []
    if any(outcome.ended[how] for how in NOT_WELL):
        wrong.append(f"accepted jobs that did not end well: {dict(outcome.ended)}")
    if odd := [sent for sent in outcome.sent if not (sent.is_accepted or is_good_refusal(sent))]:
        wrong.append(f"refused otherwise than with 429 or 503 and Retry-After: {Counter(one.status for one in odd)}")
    if outcome.seconds >= SETTLED_SECONDS:
        wrong += [f"{what}: {ratio:.2f} times" for what, ratio in growth(outcome).items() if ratio > MOST_GROWTH]
    before, during = felt(outcome)
    if min(len(before), len(during)) >= FEWEST_PROBES and p95(during) > MOST_FELT * p95(before):
        wrong.append(f"predictions of others: p95 {p95(before):.2f} s before the flood, {p95(during):.2f} s in it")
    return wrong


def is_good_refusal(sent: Sent) -> bool:
    return sent.status in (429, 503) and sent.says_when


def growth(outcome: Outcome) -> dict[str, float]:
    """Of each measure: the mean of the last quarter to that of the third."""
    third, last = (part(outcome, share, share + 0.25) for share in (0.5, 0.75))
    return {
        what: mean([measure(reading) for reading in last]) / max(1e-9, mean([measure(reading) for reading in third]))
        for what, measure in MEASURES.items()
    }


def part(outcome: Outcome, begin: float, end: float) -> Sequence[Reading]:
    return [one for one in outcome.readings if begin <= one.at / outcome.seconds < end]


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def felt(outcome: Outcome) -> tuple[Sequence[float], Sequence[float]]:
    """Seconds of the predictions that were waited for, before the flood and in it."""
    begin, end = outcome.flood
    probes = [sent for sent in outcome.sent if sent.is_probe and sent.status == 200]
    before = [sent.seconds for sent in probes if sent.at < begin]
    return before, [sent.seconds for sent in probes if begin <= sent.at < end]


def p95(values: Sequence[float]) -> float:
    return percentile(values, 0.95)


def markdown(outcome: Outcome) -> str:
    return "\n".join([*summary(outcome), "", *over_time(outcome)])


def summary(outcome: Outcome) -> list[str]:
    taken = [sent.seconds for sent in outcome.sent if sent.status == 202 and not sent.is_probe]
    refused = Counter(sent.status for sent in outcome.sent if not sent.is_accepted)
    before, during = felt(outcome)
    rows = {
        "length, keys": f"{outcome.seconds:.0f} s, {outcome.keys}",
        "capacity of the mix": f"{outcome.capacity:.1f} jobs/s; twice of it is asked for",
        "the 5 % beside predictions and certificates": "labels that are stored"
        if outcome.adapts
        else "certificates with a target radius, since the profile adapts nothing",
        "requests": f"{len(outcome.sent)}; {outcome.left_out} were left out, since too many were under way",
        "accepted jobs by their end": ", ".join(f"{how} {number}" for how, number in sorted(outcome.ended.items())),
        "refusals by status": ", ".join(f"{status}: {number}" for status, number in sorted(refused.items())) or "none",
        "acceptance p50, p99": f"{percentile(taken, 0.5) * 1000:.0f} ms, {percentile(taken, 0.99) * 1000:.0f} ms",
        "another key's prediction, p95": f"{p95(before):.2f} s before one key floods, {p95(during):.2f} s meanwhile",
        "growth in the second half": ", ".join(f"{what} {ratio:.3f}" for what, ratio in growth(outcome).items()),
    }
    return ["| what | measured |", "|---|---|", *(f"| {what} | {value} |" for what, value in rows.items())]


def over_time(outcome: Outcome, rows: int = 12) -> list[str]:
    """A row for each twelfth of the run."""
    head = ["minute", *MEASURES]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for number in range(rows):
        readings = part(outcome, number / rows, (number + 1) / rows)
        if readings:
            cells = [f"{(number + 1) * outcome.seconds / rows / 60:.1f}"]
            cells += [f"{mean([measure(reading) for reading in readings]):.0f}" for measure in MEASURES.values()]
            lines.append(f"| {' | '.join(cells)} |")
    return lines
