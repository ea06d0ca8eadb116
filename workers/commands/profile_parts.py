"""From what the command line names to the two models of a new profile: what each is, and a folder with its files."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from adapters.hub.pull import local_files, place
from adapters.profiles.detection import Detected, detect_classifier, detect_denoiser
from adapters.profiles.kinds import CLASSIFIERS
from adapters.profiles.licences import Business, Licence
from adapters.profiles.writing import NewPart, business_of, licence_in
from robustify.errors import InvalidInputError, ModelFilesError

FFDNET, NONE = "ffdnet", "none"
RESTORATION, GUIDED_DIFFUSION = "restoration", "guided-diffusion"
ONE_FILE = (RESTORATION, GUIDED_DIFFUSION)
SAFETENSORS = "model.safetensors"
SAFE, PICKLES, ONNX = ".safetensors", (".pth", ".pt"), ".onnx"
RESTORATION_SIGMA = 0.196
"""50/255, what most restoration networks were trained for."""
LONGEST_LICENCE = 200
NEEDS_CLASSES = frozenset({"timm", "torchvision", "resnet-20", "onnx"})
READS_ANY_LABELS = frozenset({"clip", "transformers-zero-shot"})
WITHOUT_FILES: Mapping[str, NewPart] = MappingProxyType(
    {
        FFDNET: NewPart(
            Detected("ffdnet"),
            Licence(name="MIT", business=Business.YES, url="https://github.com/cszn/FFDNet/blob/master/LICENSE"),
        ),
        NONE: NewPart(Detected("identity"), Licence(name="no model", business=Business.YES)),
    }
)


@dataclass(frozen=True)
class GivenClassifier:
    """As the command line has it; `licence` and `business` go before the model card's."""

    path: Path
    classes: Path | None = None
    numbers_repeats: bool = False
    licence: str | None = None
    business: Business | None = None


@dataclass(frozen=True)
class GivenDenoiser:
    """`name`: a path, or one of `WITHOUT_FILES`."""

    name: str
    kind: str | None = None
    max_sigma: float | None = None


@dataclass(frozen=True)
class Prepared:
    """A model of a new profile, and the folder of its files where it has any."""

    part: NewPart
    folder: Path | None = None


def prepared_classifier(given: GivenClassifier, staging: Path) -> Prepared:
    """Raises InvalidInputError and ModelFilesError."""
    path = given.path
    folder = staged_onnx(path, staging / "classifier") if path.is_file() else path.resolve()
    detected = detect_classifier(folder)
    if detected.kind == "onnx":
        detected = with_graph(detected, folder)
    if given.classes is not None:
        folder, detected = with_classes(given.classes, folder, detected, staging / "classifier")
    if detected.kind in NEEDS_CLASSES and detected.class_list is None:
        raise InvalidInputError("the files do not name their classes: give --classes FILE", field="classes")
    return Prepared(NewPart(detected, stated_licence(given), numbers_repeats=given.numbers_repeats), folder)


def staged_onnx(file: Path, folder: Path) -> Path:
    """A folder with the one file, under its usual name, and its tensors beside."""
    if file.suffix != ONNX:
        raise ModelFilesError(f"{file.name} is no ONNX file: of other classifiers, give the folder")
    # Imported here: few profiles need the library.
    from adapters.models.classifiers.onnx_file import check_onnx_file
    from adapters.models.classifiers.onnx_graph import images_of

    check_onnx_file(file)
    place(file, folder / "model.onnx")
    for name in images_of(file).data:
        place(file.parent / name, folder / name)
    return folder


def with_graph(detected: Detected, folder: Path) -> Detected:
    """The layout and the side that the file fixes. Raises ModelFilesError for tensors that would not be taken over."""
    # Imported here: few profiles need the library.
    from adapters.models.classifiers.onnx_file import check_onnx_file
    from adapters.models.classifiers.onnx_graph import images_of

    file = folder / str(detected.options.get("file", "model.onnx"))
    check_onnx_file(file)
    images = images_of(file)
    taken = local_files(CLASSIFIERS["onnx"].source(""), folder)
    if lost := [name for name in images.data if Path(name).as_posix() not in taken]:
        raise ModelFilesError(
            f"{file.name} has tensors in {lost[0]}: save it again with {file.name}.data as the file of its tensors"
        )
    layout = {} if images.layout == "NCHW" else {"layout": images.layout}
    return replace(detected, side=images.side, options={**detected.options, **layout})


def with_classes(classes: Path, folder: Path, detected: Detected, target: Path) -> tuple[Path, Detected]:
    """The same files with another list of classes beside them."""
    if detected.kind in READS_ANY_LABELS:
        raise InvalidInputError("this classifier reads any labels: leave --classes out", field="classes")
    if not classes.is_file():
        raise InvalidInputError(f"{classes.name} is no file: give one with a class on each line", field="classes")
    if folder != target:
        for name in local_files(CLASSIFIERS[detected.kind].source(""), folder):
            place(folder / name, target / name)
    name = "labels.json" if classes.suffix == ".json" else "classes.txt"
    # Not written through a link: the folder's own list stays as it is.
    (target / name).unlink(missing_ok=True)
    shutil.copyfile(classes, target / name)
    return target, replace(detected, class_list=name)


def stated_licence(given: GivenClassifier) -> Licence:
    """What the command line says of a licence, and of the rest the card beside the files."""
    if given.licence is not None and not (0 < len(given.licence) <= LONGEST_LICENCE and given.licence.isprintable()):
        raise InvalidInputError(f"a licence's name has 1 to {LONGEST_LICENCE} visible characters", field="licence")
    card = licence_in(given.path if given.path.is_dir() else given.path.parent)
    found = card if given.licence is None else Licence(name=given.licence, business=business_of(given.licence.lower()))
    return Licence(name=found.name, business=given.business or found.business)


def prepared_denoiser(given: GivenDenoiser, staging: Path) -> Prepared:
    """Raises InvalidInputError and ModelFilesError."""
    if given.name in WITHOUT_FILES:
        return Prepared(WITHOUT_FILES[given.name])
    path = Path(given.name)
    if given.kind is not None:
        return prepared_file(path, given, staging / "denoiser")
    if path.is_file():
        raise InvalidInputError(f"{path.name} is one file: say which of {', '.join(ONE_FILE)} it is", "denoiser-kind")
    folder = path.resolve()
    return Prepared(NewPart(detect_denoiser(folder), licence_in(folder)), folder)


def prepared_file(path: Path, given: GivenDenoiser, folder: Path) -> Prepared:
    """A denoiser that is one file, as safetensors under its usual name."""
    if given.kind not in ONE_FILE:
        raise InvalidInputError(f"choose one of {', '.join(ONE_FILE)}: other kinds are seen", field="denoiser-kind")
    file = the_file(path)
    # Imported here: torch takes seconds.
    from adapters.models.denoisers.one_file import converted, is_told_noise

    folder.mkdir()
    if file.suffix == SAFE:
        place(file, folder / SAFETENSORS)
    else:
        converted(file, folder / SAFETENSORS)
    options: dict[str, object] = {}
    if given.kind == RESTORATION:
        options["max_sigma"] = RESTORATION_SIGMA if given.max_sigma is None else given.max_sigma
        options |= {"noise_map": True} if is_told_noise(folder / SAFETENSORS) else {}
    return Prepared(NewPart(Detected(given.kind), licence_in(file.parent), options), folder)


def the_file(path: Path) -> Path:
    """The file itself, or the only one of weights in a folder."""
    found = [path] if path.is_file() else sorted(file for file in path.glob("*") if file.suffix in (SAFE, *PICKLES))
    if len(found) != 1 or found[0].suffix not in (SAFE, *PICKLES):
        raise ModelFilesError(f"{path.name} is no single file of weights: give one that ends with {SAFE} or .pth")
    return found[0]
