"""From the text of a profile's file to the profile: every error names the file, the line and what would do."""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, TypeAdapter, ValidationError

from adapters.images import Preprocessing
from adapters.profiles.document import ClassifierTable, DenoiserTable, Part, ProfileDocument
from adapters.profiles.kinds import CLASSIFIERS, DENOISERS, GENERATOR, PACKAGES, Kind
from adapters.profiles.licences import PartLicence
from adapters.profiles.options.restoration import RestorationOptions
from adapters.profiles.positions import line_of
from adapters.profiles.profile import BUNDLED, INSTALLED_LISTS, AdaptationDefaults, Profile
from adapters.profiles.weights import HubSource, PackagedWeights
from robustify.errors import InvalidInputError

LARGEST_FILE = 1 << 18
TWICE = "Cannot declare"
SIDE_STEP: Mapping[str, int] = {"super-resolution": 16, "unconditional": 16, "ffdnet": 2}
"""Height and width must be a multiple of this."""


class ProfileFileError(InvalidInputError):
    """A file that is no profile."""

    def __init__(self, path: Path, line: int, what: str) -> None:
        super().__init__(f"{path.name}, line {line}: {what}", field="profile")
        self.path = path


def read_profile(path: Path) -> Profile:
    """Raises ProfileFileError."""
    try:
        content = path.read_bytes()
        if len(content) > LARGEST_FILE:
            raise ProfileFileError(path, 1, f"a profile has at most {LARGEST_FILE} bytes")
        text = content.decode("utf-8-sig")
        values = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileFileError(path, 1, f"it cannot be read as UTF-8 text: {error.__class__.__name__}") from error
    except tomllib.TOMLDecodeError as error:
        raise ProfileFileError(path, line_in(str(error), text), f"it is no TOML: {words_of(str(error))}") from error
    return profile_of(parsed(path, text, values), path, text)


def parsed(path: Path, text: str, values: Mapping[str, object]) -> ProfileDocument:
    try:
        return ProfileDocument.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = tuple(str(name) for name in first["loc"])
        raise ProfileFileError(path, line_of(text, place), f"{'.'.join(place)}: {sentence(first['msg'])}") from error


def profile_of(document: ProfileDocument, path: Path, text: str) -> Profile:
    """The profile, whose parts fit together. Raises ProfileFileError for the first that does not."""
    for place, what in misfits(document):
        raise ProfileFileError(path, line_of(text, place), f"{'.'.join(place)}: {what}")
    kinds = kinds_of(document)
    own = [part for name, part in document.parts if kinds[name].has_files and not part.bundled]
    return Profile(
        name=document.name,
        description=document.description,
        licence=document.licence,
        side=document.side,
        default_sigma=document.sigma,
        k=document.denoiser.k,
        prompt=document.denoiser.prompt,
        classes=document.classifier.classes,
        batch_size=document.batch,
        shard_samples=document.shard,
        dtype=document.dtype,
        micro_batch_size=document.micro_batch,
        folder=BUNDLED if any(part.bundled for _, part in document.parts) else None,
        denoiser=document.denoiser.kind,
        classifier=document.classifier.kind,
        class_list=document.classifier.class_list,
        repeats=document.classifier.repeats,
        packaged=tuple(packaged(document)),
        pulled=bool(own),
        sources=tuple(sources(document)) if own else (),
        licence_url=address_to_accept(document),
        large_text_encoder=document.denoiser.large_text_encoder,
        lora_width=document.denoiser.lora_width,
        for_tests=document.for_tests,
        adaptation=adaptation_of(document.adaptation),
        licences=tuple(licences(document)),
        denoiser_options=options_of(document.denoiser, kinds["denoiser"]),
        classifier_options=options_of(document.classifier, kinds["classifier"]),
        templates=document.classifier.templates,
        preprocessing=Preprocessing(document.preprocessing),
    )


def kinds_of(document: ProfileDocument) -> Mapping[str, Kind]:
    return {
        "denoiser": DENOISERS[document.denoiser.kind],
        "classifier": CLASSIFIERS[document.classifier.kind],
        "generator": GENERATOR,
    }


def misfits(document: ProfileDocument) -> Iterator[tuple[tuple[str, ...], str]]:
    """What does not fit together, and where it stands."""
    step = SIDE_STEP.get(document.denoiser.kind, 1)
    if document.side % step:
        wanted = f"a multiple of {step}, such as {nearest(document.side, step)}"
        yield ("side",), f"a denoiser of kind {document.denoiser.kind} needs {wanted}"
    kinds = kinds_of(document)
    for name, part in document.parts:
        yield from misfits_of(name, part, kinds[name])
    yield from misfits_of_sigma(document)
    yield from problems_in(("adaptation",), lambda: adaptation_of(document.adaptation))
    bundled = {part.bundled for name, part in document.parts if kinds[name].has_files}
    if bundled == {True, False}:
        yield ("classifier", "bundled"), "either all files come with the installation, or none"
    named = document.classifier.class_list
    if named is not None and named not in INSTALLED_LISTS and not is_inside(named):
        yield ("classifier", "class_list"), "a file is named by its path inside the folder of the classifier"


def misfits_of(name: str, part: Part, kind: Kind) -> Iterator[tuple[tuple[str, ...], str]]:
    if sum([part.source is not None, part.package is not None, part.bundled]) > 1:
        yield (name,), "its files come from one place: leave one of source, package and bundled"
    if part.package is not None and part.package not in PACKAGES:
        yield (name, "package"), f"choose one of {', '.join(PACKAGES)}"
    if kind.package is not None and part.package != kind.package:
        yield (name, "package"), f'this kind needs package = "{kind.package}"'
    if not kind.has_files and (part.source is not None or part.bundled):
        yield (name,), "this kind has no files of its own: leave source and bundled out"
    if isinstance(part, DenoiserTable | ClassifierTable):
        yield from misfits_of_options(name, part.options, kind)


def misfits_of_options(name: str, options: Mapping[str, object], kind: Kind) -> Iterator[tuple[tuple[str, ...], str]]:
    if kind.options is None:
        if options:
            yield (name, "options", *options), "this kind takes no options"
        return
    model = kind.options
    yield from problems_in((name, "options"), lambda: model.model_validate(options))


def misfits_of_sigma(document: ProfileDocument) -> Iterator[tuple[tuple[str, ...], str]]:
    """The usual noise is one that a restoration network was trained for."""
    options = problem_free_options(document.denoiser, DENOISERS[document.denoiser.kind])
    if not isinstance(options, RestorationOptions):
        return
    try:
        options.check_sigma(document.sigma)
    except InvalidInputError as error:
        yield ("sigma",), str(error)


def problem_free_options(part: DenoiserTable, kind: Kind) -> BaseModel | None:
    """None where they are wrong, which is told elsewhere."""
    try:
        return options_of(part, kind)
    except ValidationError:
        return None


def problems_in(place: tuple[str, ...], check: Callable[[], object]) -> Iterator[tuple[tuple[str, ...], str]]:
    """The first thing that a validator finds in a table."""
    try:
        check()
    except ValidationError as error:
        first = error.errors()[0]
        yield (*place, *map(str, first["loc"])), sentence(first["msg"])


def adaptation_of(values: Mapping[str, object]) -> AdaptationDefaults:
    """Raises ValidationError."""
    return TypeAdapter(AdaptationDefaults).validate_python(values)


def options_of(part: DenoiserTable | ClassifierTable, kind: Kind) -> BaseModel | None:
    return kind.options.model_validate(part.options) if kind.options is not None and part.options else None


def sources(document: ProfileDocument) -> Iterator[HubSource]:
    kinds = kinds_of(document)
    for name, part in document.parts:
        if kinds[name].has_files:
            yield kinds[name].source(part.source or "")


def packaged(document: ProfileDocument) -> Iterator[PackagedWeights]:
    for _, part in document.parts:
        if part.package is not None:
            yield PACKAGES[part.package]


def licences(document: ProfileDocument) -> Iterator[PartLicence]:
    for name, part in document.parts:
        stated = part.licence.model_dump(exclude={"must_be_accepted"})
        yield PartLicence(part=name, **stated)


def address_to_accept(document: ProfileDocument) -> str | None:
    """Where the first licence is that has to be accepted."""
    stated = [part.licence for _, part in document.parts if part.licence.must_be_accepted]
    return stated[0].url if stated else None


def is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


def nearest(side: int, step: int) -> int:
    return max(step, round(side / step) * step)


def line_in(message: str, text: str) -> int:
    """The line that the reader of TOML names, or the last one."""
    _, _, after = message.rpartition("at line ")
    digits = after.partition(",")[0]
    return int(digits) if digits.isdecimal() else max(1, len(text.splitlines()))


def words_of(message: str) -> str:
    """Of the reader of TOML; what people do most often is said in words of ours."""
    if message.startswith(TWICE):
        return "this table is there twice, leave one out"
    return message


def sentence(message: str) -> str:
    """Of the validator's words, without its prefix."""
    return message.removeprefix("Value error, ").rstrip(".")
