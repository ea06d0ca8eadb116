"""What was found in the runs of a row, and the table of several; for the fault matrix and for the hosts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tests.faults.judging import Findings
from tests.faults.percentiles import percentile


class Named(Protocol):
    """What is tried."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...


@dataclass(frozen=True)
class Tried:
    """A row, what was found in its runs, and how long they took together."""

    row: Named
    found: Findings
    seconds: float

    @property
    def passed(self) -> bool:
        return self.found.is_clean and self.found.runs > 0


def table(tried: Sequence[Tried], what: str, seconds: str) -> str:
    """Markdown. `what` is tried, and how its measured seconds are called."""
    head = (
        f"| {what} | runs | jobs | lost | double | larger radius | other result | {seconds}, p95 / max, s | took, s | "
        "counted beside |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    return "\n".join(
        [head, *map(line, tried), *(f"\n* {row.row.name}: {said}" for row in tried for said in words(row))]
    )


def words(tried: Tried) -> list[str]:
    return sorted(set(tried.found.broken))


def line(tried: Tried) -> str:
    row, found = tried.row, tried.found
    counted = ", ".join(f"{what}: {number:g}" for what, number in sorted(found.counts.items()))
    cells = (
        f"{row.name}: {row.title}", found.runs, found.jobs, found.lost, found.double, found.larger, found.other,
        f"{percentile(found.seconds, 0.95):.1f} / {max(found.seconds, default=0.0):.1f}",
        f"{tried.seconds:.0f}", counted,
    )  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"
