"""Whether the files of a profile are what its file says, found out before anything is loaded."""

from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from adapters.profiles.detection import Detected, detect_classifier, detect_denoiser, read_json
from adapters.profiles.kinds import CLASSIFIERS, DENOISERS, Kind
from adapters.profiles.manifest import is_pickle, quick_findings
from adapters.profiles.noise_range import SCHEDULED, largest_sigma
from adapters.profiles.profile import Profile
from robustify.errors import ModelFilesError

ONE_FILE = frozenset({"restoration", "guided-diffusion"})
"""Kinds of denoiser that only loading tells apart."""
ALIKE = frozenset({"timm", "torchvision"})
"""Kinds of classifier that one config may be of."""
PATCHES = "patch_size"


def check_files(profile: Profile) -> None:
    """Raises ModelFilesError for the first thing that is wrong with the files of a profile; reads configs alone."""
    for finding in findings(profile):
        raise ModelFilesError(finding)


def findings(profile: Profile) -> Iterator[str]:
    """One sentence for each thing that is wrong, or the first one where the rest could not be told."""
    for weights in profile.packaged:
        weights.checked_path()
    if not profile.is_there:
        origin = "" if profile.from_hub else " --from FOLDER"
        yield f"its models are not there: robustify models pull {profile.name}{origin}"
        return
    if profile.folder is None:
        return
    yield from quick_findings(profile.folder)
    yield from findings_of_part(profile.folder, DENOISERS[profile.denoiser])
    yield from findings_of_part(profile.folder, CLASSIFIERS[profile.classifier])
    yield from misfits(profile, profile.folder)


def findings_of_part(folder: Path, kind: Kind) -> Iterator[str]:
    """What is missing of it; of a pickle in its place it says so."""
    if not kind.has_files:
        return
    place = folder / kind.folder
    names = [path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()]
    for pattern in kind.patterns:
        if any(fnmatch(name, pattern) for name in names):
            continue
        pickled = [name for name in names if is_pickle(name)]
        beside = f": {pickled[0]} is a pickle, which may run code and is never loaded" if pickled else ""
        yield f"{kind.folder} has no {pattern.replace('*', '')}{beside}"


def misfits(profile: Profile, folder: Path) -> Iterator[str]:
    """What the configs say otherwise than the profile."""
    if DENOISERS[profile.denoiser].has_files and profile.denoiser not in ONE_FILE:
        found = detect_denoiser(folder / "denoiser")
        if found.kind != profile.denoiser:
            yield f"the denoiser is of kind {found.kind}, and the profile says {profile.denoiser}"
    yield from misfits_of_noise(profile)
    if profile.denoiser == "prx-pixel":
        yield from misfits_of_patches(profile, folder)
    if profile.denoiser in SCHEDULED:
        yield from misfits_of_levels(profile, folder)
    if CLASSIFIERS[profile.classifier].has_files:
        yield from misfits_of_classifier(profile, folder)


def misfits_of_patches(profile: Profile, folder: Path) -> Iterator[str]:
    patch = read_json(folder / "denoiser" / "transformer" / "config.json").get(PATCHES)
    if isinstance(patch, int) and profile.side % patch:
        yield f"side {profile.side} is no multiple of the denoiser's patches of {patch}"


def misfits_of_levels(profile: Profile, folder: Path) -> Iterator[str]:
    """A UNet halves its images at each level but the last."""
    levels = read_json(folder / "denoiser" / "unet" / "config.json").get("block_out_channels")
    step = 2 ** (len(levels) - 1) if isinstance(levels, list) and levels else 1
    if profile.side % step:
        yield f"side {profile.side} is no multiple of {step}, by which the denoiser's UNet reduces images"


def misfits_of_noise(profile: Profile) -> Iterator[str]:
    most, sigma = largest_sigma(profile), profile.default_sigma
    if most is not None and sigma > most:
        yield f"sigma {sigma:g} is outside the denoiser's schedule, which ends at {most:.3g}: give less"


def misfits_of_classifier(profile: Profile, folder: Path) -> Iterator[str]:
    found = detect_classifier(folder / CLASSIFIERS[profile.classifier].folder)
    if found.kind != profile.classifier and not {found.kind, profile.classifier} <= ALIKE:
        yield f"the classifier is of kind {found.kind}, and the profile says {profile.classifier}"
    elif (names := profile.class_names) is not None:
        yield from misfits_of_classes(found, folder, len(names))


def misfits_of_classes(found: Detected, folder: Path, classes: int) -> Iterator[str]:
    """Where the config counts the classes."""
    path = folder / "classifier" / "config.json"
    config = read_json(path) if found.kind != "onnx" and path.is_file() else {}
    labels = config.get("id2label")
    stated = len(labels) if isinstance(labels, dict) else config.get("num_classes", config.get("num_labels"))
    if isinstance(stated, int) and stated != classes:
        yield f"the classifier has {stated} classes, and the list names {classes}"
