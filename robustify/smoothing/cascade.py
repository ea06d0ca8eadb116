"""A cascade: certificates of one picture at several sigmas, of which the one with the largest radius is kept.

1. Each sigma makes another smoothed classifier g_s, with noise of its own. Its certificate says that g_s gives the
   class within the radius, and is wrong with probability at most alpha / k, where k sigmas are asked.
2. By the union bound all k are true with probability at least 1 - alpha. Then so is any of them, also the one that is
   chosen by looking at all.
3. Large noise certifies large radii of few pictures, small noise small radii of many: the largest is kept of each.

What is kept names its sigma: it is a claim about g_s, and about no mixture.
"""

import math
from collections.abc import Sequence

from robustify.smoothing.rules import Verdict


def shared_alpha(alpha: float, sigmas: int) -> float:
    """What each of so many certificates may be wrong with: all together at most `alpha`, also in floating point."""
    share = alpha / sigmas
    while math.fsum([share] * sigmas) > alpha:
        share = math.nextafter(share, 0)
    return share


def largest(verdicts: Sequence[Verdict]) -> int | None:
    """Which of them has the largest radius, the first of equal ones; None where none certifies."""
    certified = [index for index, verdict in enumerate(verdicts) if verdict.radius is not None]
    return max(certified, key=lambda index: verdicts[index].radius or 0.0, default=None)
