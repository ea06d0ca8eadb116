"""The test of PREDICT that may be looked at before n, and stops as soon as the answer is clear: n is a cap.

The class in the lead is compared with each rival by the mixture test of `anytime` with p0 = 1/2, over the votes for
either: it is returned when every rival is rejected. Let c be the class that the smoothed classifier returns. To return
another class a instead, the test of (a, c) must claim that a is the likelier, which happens at some look with
probability at most alpha / (K - 1), and there are K - 1 such classes. So no samples are spent on choosing a class.

That takes `EARLY_SHARE` of alpha; the rest is for the paper's test (Hung and Fithian, 2019) of all n samples, at the
end. By the union bound an answer is wrong with probability at most alpha, whenever and why ever one stops.
"""

import math
from collections.abc import Sequence

import numpy as np

from robustify.smoothing.anytime import log_evidence
from robustify.smoothing.decisions import check_votes, decide, select
from robustify.types import Prediction

EARLY_SHARE = 0.5


def decide_so_far(votes: Sequence[int], samples: int, n: int, alpha: float) -> Prediction:
    """What the votes (K,) of the first `samples` of n planned samples say; no index means "go on", or, at n, abstain.

    The p-value is valid at every look, and at most alpha exactly where there is an answer. Samples without a vote
    count as votes for the strongest rival.
    """
    check_votes(votes, samples)
    if not 0 < samples <= n:
        raise ValueError(f"{samples} samples of {n} planned")
    index = select(votes)
    p_value = p_value_so_far(index, votes, samples, n, alpha)
    return Prediction(index if p_value <= alpha else None, p_value, tuple(votes), samples, alpha)


def p_value_so_far(index: int, votes: Sequence[int], samples: int, n: int, alpha: float) -> float:
    """The least alpha at which the leader would be returned now; 1 for a class that may not be in the lead."""
    rival = strongest_rival(index, votes, samples)
    if votes[index] <= rival:
        return 1.0
    p_value = early_p_value(votes[index], rival, len(votes)) / EARLY_SHARE
    if samples == n:
        p_value = min(p_value, decide(votes, n, alpha).p_value / (1 - EARLY_SHARE))
    return min(1.0, p_value)


def early_p_value(leader: int, rival: int, classes: int) -> float:
    """(K - 1) / E of the leader against its strongest rival; against any other E is larger."""
    log_e = float(log_evidence(np.array([leader]), np.array([leader + rival]), 0.5)[0])
    return max(1, classes - 1) * math.exp(-log_e)


def strongest_rival(index: int, votes: Sequence[int], samples: int) -> int:
    """The most votes that a rival may have, were all missing votes its own."""
    runner_up = max((count for other, count in enumerate(votes) if other != index), default=0)
    return runner_up + samples - sum(votes)
