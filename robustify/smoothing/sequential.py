"""The test of PREDICT that is looked at before n, and stops as soon as the answer is clear: n is a cap.

The test of the paper (Hung and Fithian, 2019) is made at every planned look, over all samples up to it, each time with
a part of alpha. At a number of samples that was fixed beforehand it returns a class that is not the likeliest with
probability at most its level, however many classes there are. The parts add up to alpha, so that by the union bound an
answer is wrong with probability at most alpha, at whichever look one stops.

`EARLY_SHARE` of alpha is for the looks before n, the same part for each; the rest is for the one at n. So an answer
that the paper's test gives with half of alpha is given in any case, and no samples are spent on choosing a class.

To abstain claims nothing. So the test also stops where an answer at n has become unlikely (`futility`).
"""

from collections.abc import Sequence

from scipy.stats import binom

from robustify.smoothing.decisions import check_votes, select, strongest_rival
from robustify.smoothing.futility import likely_most
from robustify.smoothing.looks import Looks
from robustify.smoothing.statistics import two_sided_p_value
from robustify.types import Prediction

EARLY_SHARE = 0.5


def decide_so_far(votes: Sequence[int], samples: int, looks: Looks, n: int, alpha: float) -> Prediction:
    """What the votes (K,) say at this look; no index means "go on", or, where nothing is to come, abstain.

    1. Votes that cannot be are refused, and samples that are no planned look.
    2. The top two classes; samples without a vote count as the runner-up's.
    3. The p-value of "both are equally likely", over this look's share of alpha: at most alpha exactly where there is
       an answer, and valid at whichever look one stops, by the same union bound for every other alpha.
    """
    # 1.
    check_votes(votes, samples)
    share = share_of_look(samples, looks, n)
    # 2.
    index = select(votes)
    leader, rival = votes[index], strongest_rival(index, votes, samples)
    # 3. The test is two-sided: it must be this class that leads.
    p_value = min(1.0, two_sided_p_value(leader, rival) / share) if leader > rival else 1.0
    return Prediction(index if p_value <= alpha else None, p_value, tuple(votes), samples, alpha)


def share_of_look(samples: int, looks: Looks, n: int) -> float:
    """The part of alpha for the look at so many samples; they add up to 1. ValueError where it is not planned."""
    ends = looks.ends(n)
    if samples not in ends:
        raise ValueError(f"{samples} samples of {n} planned are not a look of this test")
    if len(ends) == 1:
        return 1.0
    return 1 - EARLY_SHARE if samples == n else EARLY_SHARE / (len(ends) - 1)


def is_hopeless(votes: Sequence[int], samples: int, looks: Looks, n: int, alpha: float) -> bool:
    """Whether an answer at n is unlikely: even the most votes that the leader is likely to win are too few.

    1. The top two classes, as they stand.
    2. How many votes of the two there will be at n, if it goes on like this, and how many the leader must have.
    3. How many it is likely to have at most: the question is open where both are almost equal, and a vote's variance is
       1/4.
    """
    # 1.
    index = select(votes)
    leader, rival = votes[index], strongest_rival(index, votes, samples)
    # 2.
    of_both = round((leader + rival) * n / samples)
    needed = fewest_significant(of_both, share_of_look(n, looks, n) * alpha)
    # 3.
    return likely_most(leader, leader + rival, of_both, 1 / 4) < needed


def fewest_significant(votes: int, alpha: float) -> int:
    """The fewest of so many votes for two classes that are a significant lead; one more than all where none are."""
    return int(binom.isf(alpha / 2, votes, 0.5)) + 1
