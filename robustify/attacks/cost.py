"""What an attack costs for one image, in forward passes of f; a pass back counts two. Plain numbers, without torch."""

FORWARDS_OF_A_GRADIENT = 3
JUDGED_BY = 4
"""Times m noisy copies tell the best of all that the strong attack has found."""
SHORTLIST = 4
"""Iterates of a run that are judged, beside the last one."""
STRONG_RUNS = 2
"""Of the strong attack, for each restart: one for each of its losses."""


def paper_forwards(steps: int, m: int) -> int:
    """Of the published attack."""
    return FORWARDS_OF_A_GRADIENT * steps * m


def strong_forwards(steps: int, restarts: int, m: int) -> int:
    """Of the strong attack, at the most: it ends as soon as another class leads clearly."""
    run = FORWARDS_OF_A_GRADIENT * (steps + 1) + JUDGED_BY * (SHORTLIST + 1)
    return m * (STRONG_RUNS * restarts * run + JUDGED_BY)


def apgd_forwards(steps: int, restarts: int, m: int) -> int:
    """Of AutoAttack's APGD, which looks at the clean image first."""
    return m * (FORWARDS_OF_A_GRADIENT * restarts * (steps + 1) + 1)


def square_forwards(queries: int, m: int) -> int:
    """Of Square, which begins with a query, and needs no gradient."""
    return m * (queries + 1)
