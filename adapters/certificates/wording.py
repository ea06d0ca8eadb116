"""What a certificate guarantees, and what it does not, in words."""

import json

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
    """One sentence of the guarantee, one of its limits, and the label at the end, as a JSON string: no label can be
    read as words of ours. A radius is rounded down to four decimals."""
    if outcome == Outcome.CERTIFIED and radius is not None and label is not None:
        claim = (
            f"Except with probability at most {alpha}, over the noise that the noise key gives to this question alone, "
            "the smoothed classifier of this fingerprint gives the label that is named last here at every point closer "
            f"than {rounded_down(radius):.4f} in L2 distance, in [0, 1] pixel units, to the canonical tensor of this "
            "sha256."
        )
        return f"{claim} {LIMITS} {CAVEATS[noise]} The label is: {quoted(label)}"
    return f"{without_radius(outcome)} {LIMITS} {CAVEATS[noise]}"


def statement_of_version_1(outcome: str, label: str | None, radius: float | None, alpha: float, noise: Noise) -> str:
    """What certificates of version 1 say."""
    if outcome == Outcome.CERTIFIED and radius is not None:
        claim = (
            f"Except with probability at most {alpha}, over noise that nobody could choose or predict, the smoothed "
            f'classifier of this fingerprint gives the label "{label}" at every point closer than '
            f"{rounded_down(radius):.4f} in L2 distance, in [0, 1] pixel units, to the canonical tensor of this sha256."
        )
    else:
        claim = without_radius(outcome)
    return f"{claim} {LIMITS} {CAVEATS[noise]}"


def without_radius(outcome: str) -> str:
    return f"No radius is certified: {REASONS.get(outcome, 'the votes do not support the claim')}."


def quoted(text: str) -> str:
    """A text of users as a JSON string, so that it ends where its quotation marks say."""
    return json.dumps(text, ensure_ascii=False)
