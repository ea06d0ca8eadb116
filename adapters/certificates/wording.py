"""What a certificate guarantees, and what it does not, in words."""

from robustify.smoothing.claims import CERTIFIED
from robustify.smoothing.statistics import rounded_down

LIMITS = (
    "It says nothing on whether the label is right, on what happens before decoding, on changes that are larger or of "
    "another kind, such as rotations, or on what the rounding of floating-point numbers may do to Gaussian noise and "
    "models: the guarantee is about real numbers."
)


def statement(outcome: str, label: str | None, radius: float | None, alpha: float) -> str:
    """One sentence of the guarantee, and one of its limits; a radius is rounded down to four decimals."""
    if outcome == CERTIFIED and radius is not None:
        claim = (
            f"Except with probability at most {alpha}, over noise that nobody could choose or predict, the smoothed "
            f'classifier of this fingerprint gives the label "{label}" at every point closer than '
            f"{rounded_down(radius):.4f} in L2 distance, in [0, 1] pixel units, to the canonical tensor of this sha256."
        )
    else:
        claim = "No radius is certified: the votes do not support the claim."
    return f"{claim} {LIMITS}"
