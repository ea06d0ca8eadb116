"""What the samples to come may still bring: whether to go on is worth it. No claim rests on it.

To stop and say nothing is never false, so that these forecasts need to be good and not sound. Given the share of votes
so far, and that nothing else was known of the probability, A of N samples lead one to expect about

    A n / N  +-  z sqrt(v n (n - N) / N)     of n samples,

where v is the variance of one vote: the variance of the samples to come and that of the share so far together. (It is
the predictive distribution of the flat prior, by its normal approximation; Spiegelhalter, Freedman and Blackburn, 1986,
stop trials by it.)
"""

import numpy as np

UNLIKELY_DEVIATIONS = 2.576
"""z: what is further off has a chance of 0.5 % by the normal approximation."""
PATIENCE, PATIENT_SAMPLES = 8, 1000
"""A rejection is waited for where it is in sight within so many times the samples so far, or so many samples."""


def likely_most(votes: int, samples: int, cap: int, variance: float) -> float:
    """The most votes that the cap may bring, but for an unlikely course of votes; never more than all that are left."""
    return min(votes + cap - samples, votes * cap / samples + float(spread(np.array(samples), cap, variance)))


def fewest_with_hope(needed: int, samples: np.ndarray, cap: int, variance: float) -> np.ndarray:
    """(L,) the fewest votes of so many samples (L,) from which `needed` votes at the cap are not unlikely."""
    fewest: np.ndarray = np.ceil((needed - spread(samples, cap, variance)) * samples / cap).astype(int)
    return fewest


def spread(samples: np.ndarray, cap: int, variance: float) -> np.ndarray:
    """(L,) how many votes more than expected are unlikely at the cap."""
    found: np.ndarray = UNLIKELY_DEVIATIONS * np.sqrt(variance * cap * (cap - samples) / samples)
    return found
