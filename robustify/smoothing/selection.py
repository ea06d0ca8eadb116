"""When the class of a certificate is clear enough to choose it: selection may stop before n0.

The class is chosen from selection votes alone, and its probability is bounded by other samples: any choice is sound, so
that this rule is free. A class that is chosen wrongly costs the radius, never the truth.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import bdtr, bdtrc

from robustify.smoothing.decisions import select, strongest_rival
from robustify.smoothing.looks import Looks, Tally

CLEAR = 0.01


@dataclass(frozen=True)
class AllSelectionSamples:
    """One look, at n0, as Algorithm 1 has it."""

    n: int

    @property
    def looks(self) -> Looks:
        return Looks(self.n)

    def is_settled(self, tally: Tally) -> bool:
        return False


@dataclass(frozen=True)
class ClearLeader:
    """Stops where one class is clearly in the lead, and where none can have `needed`, the probability that is aimed at.

    Both are tests at the level `CLEAR`, at each look anew: nothing is claimed of them.
    """

    n: int
    looks: Looks
    needed: float | None = None

    def is_settled(self, tally: Tally) -> bool:
        """1. Is the lead over the strongest rival significant (Hung and Fithian, 2019)? Lost votes are the rival's.
        2. If no class is likely to have `needed`, which of them is chosen makes no difference. They are the leader's.
        """
        index = select(tally.votes)
        leader, rival = tally.votes[index], strongest_rival(index, tally.votes, tally.samples)
        # 1.
        if is_clear(np.array(leader), np.array(rival)):
            return True
        # 2.
        return self.needed is not None and bool(bdtr(leader + tally.missing, tally.samples, self.needed) <= CLEAR)


def is_clear(leader: np.ndarray, rival: np.ndarray) -> np.ndarray:
    """Whether so many votes for the leader are a significant lead over so many for its rival, element by element."""
    clear: np.ndarray = (leader > rival) & (2 * bdtrc(np.maximum(leader, 1) - 1, leader + rival, 0.5) <= CLEAR)
    return clear
