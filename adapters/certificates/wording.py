"""What a certificate guarantees, and what it does not, in words."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adapters.canonical_json import canonical_digest
from adapters.images import ResizeMode
from adapters.profiles.licences import PartLicence
from robustify.smoothing.rules import Outcome
from robustify.smoothing.statistics import rounded_down
from robustify.types import Noise

MOST_TEMPLATES_NAMED = 3
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
SQUARES: Mapping[ResizeMode, Sequence[str]] = {
    ResizeMode.SHORTER_SIDE: (),
    ResizeMode.RESIZE_256_CROP_224: (
        "The canonical tensor is the centre of the picture, whose shorter side was resized to 256/224 of the tensor's.",
    ),
    ResizeMode.SQUASH: ("The canonical tensor is the whole picture, resized to a square whatever its aspect.",),
    ResizeMode.PAD: (
        "The canonical tensor is the whole picture, resized to fit into a square, the rest of which is grey.",
    ),
}
"""What is said of how the picture became square; of the usual way nothing."""
REASONS = {
    str(
        Outcome.NOT_CERTIFIED
    ): "the class is too unlikely for the target radius, except with probability at most alpha",
    str(Outcome.UNDECIDED): "the votes do not tell whether the class is likely enough for the target radius",
}


@dataclass(frozen=True)
class Said:
    """What is claimed in one label set."""

    label: str | None
    radius: float | None


@dataclass(frozen=True)
class SaidAt(Said):
    """What is claimed at one sigma."""

    sigma: float


def statement_of_sigmas(
    claims: Sequence[SaidAt],
    alpha: float,
    noise: Noise,
    templates: Sequence[str] = (),
    mode: ResizeMode = ResizeMode.SHORTER_SIDE,
) -> str:
    """As `statement`, at several sigmas. The claims stand at the end, the largest radius first, each as a JSON list:
    the sigma, the radius and the label."""
    limits = " ".join((LIMITS, CAVEATS[noise], *SQUARES[mode], *((ensemble(templates),) if templates else ())))
    certified = sorted((claim for claim in claims if claim.radius), key=lambda claim: -(claim.radius or 0.0))
    if not certified:
        return f"{without_radius(Outcome.ABSTAINED)} This is so at all {len(claims)} sigmas. {limits}"
    claim = (
        f"Except with probability at most {alpha} for all claims together, over the noise that the noise key gives to "
        "this question alone, the smoothed classifier of this fingerprint at each sigma that is listed last here gives "
        "the label that is listed with it at every point closer than the radius that is listed with it in L2 distance, "
        "in [0, 1] pixel units, to the canonical tensor of this sha256. The first of them has the largest radius, and "
        "is the answer. Nothing is claimed of a classifier that takes another sigma for each point."
    )
    others = len(claims) - len(certified)
    rest = f" At the other sigmas, which are {others}, no radius is certified." if others else ""
    listed = ", ".join(listed_claim(one.sigma, one) for one in certified)
    return f"{claim}{rest} {limits} Sigma, radius and label are: {listed}"


def statement_of_sets(
    claims: Sequence[Said],
    alpha: float,
    noise: Noise,
    templates: Sequence[str] = (),
    mode: ResizeMode = ResizeMode.SHORTER_SIDE,
) -> str:
    """As `statement`, of several label sets. The claims stand at the end, each as a JSON list: the number of its set,
    from 1, the radius and the label."""
    limits = " ".join((LIMITS, CAVEATS[noise], *SQUARES[mode], *((ensemble(templates),) if templates else ())))
    certified = [(number, claim) for number, claim in enumerate(claims, start=1) if claim.radius is not None]
    if not certified:
        return f"{without_radius(Outcome.ABSTAINED)} This is so in all {len(claims)} label sets. {limits}"
    claim = (
        f"Except with probability at most {alpha} for all claims together, over the noise that the noise key gives to "
        "this question alone, the smoothed classifier of this fingerprint gives, in each label set whose number is "
        "listed last here, the label that is listed with it at every point closer than the radius that is listed with "
        "it in L2 distance, in [0, 1] pixel units, to the canonical tensor of this sha256."
    )
    others = len(claims) - len(certified)
    rest = f" In the other label sets, which are {others}, no radius is certified." if others else ""
    listed = ", ".join(listed_claim(number, one) for number, one in certified)
    return f"{claim}{rest} {limits} Set, radius and label are: {listed}"


def listed_claim(place: float, claim: Said) -> str:
    """As JSON: the number of a set or a sigma, the radius rounded down to four decimals, and the label."""
    return f"[{place}, {rounded_down(claim.radius or 0.0):.4f}, {quoted(claim.label or '')}]"


def statement(
    outcome: str,
    label: str | None,
    radius: float | None,
    alpha: float,
    noise: Noise,
    templates: Sequence[str] = (),
    mode: ResizeMode = ResizeMode.SHORTER_SIDE,
) -> str:
    """One sentence of the guarantee, one of its limits, how the picture became square where that is not the usual way,
    the templates of an ensemble, and the label at the end, as a JSON string: no label can be read as words of ours. A
    radius is rounded down to four decimals."""
    limits = " ".join((LIMITS, CAVEATS[noise], *SQUARES[mode], *((ensemble(templates),) if templates else ())))
    if outcome == Outcome.CERTIFIED and radius is not None and label is not None:
        claim = (
            f"Except with probability at most {alpha}, over the noise that the noise key gives to this question alone, "
            "the smoothed classifier of this fingerprint gives the label that is named last here at every point closer "
            f"than {rounded_down(radius):.4f} in L2 distance, in [0, 1] pixel units, to the canonical tensor of this "
            "sha256."
        )
        return f"{claim} {limits} The label is: {quoted(label)}"
    return f"{without_radius(outcome)} {limits}"


def ensemble(templates: Sequence[str]) -> str:
    """The sentence that names the templates of an ensemble: a few of them themselves, many by a digest."""
    return f"Each label stands for the mean of its prompts in {len(templates)} templates, {templates_named(templates)}."


def templates_named(templates: Sequence[str]) -> str:
    """Each as a JSON string; of more than three, the sha256 of their canonical JSON."""
    if len(templates) > MOST_TEMPLATES_NAMED:
        return f"whose canonical JSON has the sha256 {canonical_digest(list(templates))}"
    return "which are " + ", ".join(map(quoted, templates))


def licences_named(licences: Sequence[PartLicence]) -> str:
    """Each part with its licence, whether that allows business use, and which text was read."""
    return "; ".join(map(licence_named, licences))


def licence_named(licence: PartLicence) -> str:
    address = "" if licence.url is None else f", {quoted(licence.url)}"
    read = "" if licence.read is None else f", read {quoted(licence.read)}"
    return f"{licence.part}: {quoted(licence.name)} (business use: {licence.business}{address}{read})"


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
