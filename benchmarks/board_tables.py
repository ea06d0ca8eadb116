"""The figures of the board as the Markdown tables that docs/scale.md holds."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from benchmarks.board_costs import Costs
from benchmarks.board_load import Load

MICROSECONDS, MILLISECONDS = 1e6, 1e3


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def of_loads(loads: Sequence[Load], what: str) -> str:
    """How often so many clients do something, how long each takes, and what it costs."""
    head = (
        "clients",
        f"{what}s/s",
        "p50",
        "p95",
        "server is busy",
        "server, for each",
        "client, for each",
        "on the wire",
    )
    return table(head, (row_of_load(load, what) for load in loads))


def row_of_load(load: Load, what: str) -> tuple[str, ...]:
    times = load.times(what)
    p50, p95 = (f"{value * MILLISECONDS:,.1f} ms" for value in np.quantile(times, [0.5, 0.95]))
    each = (
        f"{seconds / len(times) * MICROSECONDS:,.0f} µs of a core"
        for seconds in (load.server.seconds, load.client_seconds)
    )
    wire = f"{(load.server.bytes_in + load.server.bytes_out) / len(times):,.0f} bytes"
    return (
        str(load.clients),
        f"{load.rate(what):,.0f}",
        p50,
        p95,
        f"{load.server.seconds / load.seconds:.0%}",
        *each,
        wire,
    )


def of_costs(costs: Mapping[str, Costs]) -> str:
    """What each command costs in each of these cases; `head of the column` -> costs."""
    commands = sorted(set.intersection(*(set(of_one) for of_one in costs.values())))
    rows = ((f"`{command}`", *(f"{of_one[command]:,.0f}" for of_one in costs.values())) for command in commands)
    return table(("µs of the server", *costs), rows)


def of_growth(few: Costs, many: Costs, heads: tuple[str, str]) -> str:
    """What each command costs where little is there, and where much is."""
    rows = (
        (f"`{name}`", f"{few[name]:,.0f}", f"{many[name]:,.0f}", f"{many[name] / max(1.0, few[name]):.2f}")
        for name in sorted(set(few) & set(many))
    )
    return table(("µs of the server", *heads, "ratio"), rows)


def of_memory(sizes: Mapping[str, float]) -> str:
    return table(("on the queue server", "bytes"), ((what, f"{size:,.0f}") for what, size in sizes.items()))
