"""What a certificate guarantees, and what it does not, in words."""

from robustify.smoothing.rules import Outcome
from robustify.smoothing.statistics import rounded_down
from robustify.types import Noise

LIMITS = (
    "It says nothing on whether the label is right, on what happens before decoding, or on changes that are larger or "
    "of another kind, such as rotations."
)
CAVEATS = {
    Noise.GAUSSIAN: "The guarantee is about real numbers: what the rounding of floating-point numbers may do to "
    "Gaussian noise and models is not part of it.",
    Noise.LATTICE: "Image and noise are whole grey levels, whose sum is exact: rounding in the models is part of the "
    "classifier. Nothing is claimed of the pixels of the file.",
}
REASONS = {
    str(
        Outcome.NOT_CERTIFIED
    ): "the class is too unlikely for the target radius, except with probability at most alpha",
    str(Outcome.UNDECIDED): "the votes do not tell whether the class is likely enough for the target radius",
}


def statement(outcome: str, label: str | None, radius: float | None, alpha: float, noise: Noise) -> str:
    """One sentence of the guarantee, and one of its limits; a radius is rounded down to four decimals."""
    if outcome == Outcome.CERTIFIED and radius is not None:
        claim = (
            f"Except with probability at most {alpha}, over noise that nobody could choose or predict, the smoothed "
            f'classifier of this fingerprint gives the label "{label}" at every point closer than '
            f"{rounded_down(radius):.4f} in L2 distance, in [0, 1] pixel units, to the canonical tensor of this sha256."
        )
    else:
        claim = f"No radius is certified: {REASONS.get(outcome, 'the votes do not support the claim')}."
    return f"{claim} {LIMITS} {CAVEATS[noise]}"
