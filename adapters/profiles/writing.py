"""A profile's file, written for a model of the user's: what its folder says, and what only the user can say."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from adapters.images import ResizeMode
from adapters.profiles.detection import Detected
from adapters.profiles.kinds import CLASSIFIERS, DENOISERS
from adapters.profiles.licences import Business, Licence

CARD = "README.md"
LICENCE_OF_CARD = re.compile(r"^license:\s*[\"']?([\w.+-]+)", re.MULTILINE)
LONGEST_HEADER = 1 << 14
LONGEST_SENTENCE = 300
FREE = frozenset(
    {"mit", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "bsd", "isc", "unlicense", "cc0-1.0", "cc-by-4.0"}
)
NOT_STATED = Licence(name="not stated", business=Business.UNCLEAR)


@dataclass(frozen=True)
class NewPart:
    """One model of a new profile."""

    detected: Detected
    licence: Licence
    options: Mapping[str, object] = field(default_factory=dict)
    """Beside those that were detected."""
    numbers_repeats: bool = False
    """Whether a name that its list of classes has twice gets a number."""

    @property
    def all_options(self) -> Mapping[str, object]:
        return {**self.detected.options, **self.options}


@dataclass(frozen=True)
class NewProfile:
    """What a new profile's file is to say."""

    name: str
    side: int
    sigma: float
    denoiser: NewPart
    classifier: NewPart


def licence_in(folder: Path) -> Licence:
    """What the head of the model card beside the files says; `not stated` where there is none."""
    try:
        with (folder / CARD).open(encoding="utf-8", errors="replace") as file:
            header = file.read(LONGEST_HEADER)
    except OSError:
        return NOT_STATED
    found = LICENCE_OF_CARD.search(header)
    if not header.startswith("---") or found is None:
        return NOT_STATED
    name = found[1].lower()
    return Licence(name=name, business=business_of(name))


def business_of(name: str) -> Business:
    """Of a licence by its usual short name: what is not known to allow or forbid it is unclear."""
    if name in FREE:
        return Business.YES
    return Business.NO if "-nc" in name or "noncommercial" in name else Business.UNCLEAR


def text_of(new: NewProfile) -> str:
    """The file's text, with a line of explanation where people will look for it."""
    denoiser, classifier = new.denoiser, new.classifier
    licence = f"Denoiser: {denoiser.licence.name}. Classifier: {classifier.licence.name}."[:LONGEST_SENTENCE]
    lines = [
        f"name = {quoted(new.name)}",
        f"description = {quoted(f'{classifier.detected.kind} behind {denoiser.detected.kind}.')}",
        f"licence = {quoted(licence)}",
        f"side = {new.side}  # height and width of the images that it sees",
        *preprocessing_lines(classifier.detected.preprocessing),
        f"sigma = {new.sigma}  # noise of a request that gives none",
        "batch = 10  # samples of one forward pass; `robustify profiles tune` finds the best",
        "shard = 20",
        "",
        "[denoiser]",
        *part_lines("denoiser", denoiser, DENOISERS[denoiser.detected.kind].package),
        "",
        "[classifier]",
        *part_lines("classifier", classifier, CLASSIFIERS[classifier.detected.kind].package),
    ]
    return "\n".join(lines) + "\n"


def preprocessing_lines(mode: ResizeMode) -> Iterator[str]:
    if mode is not ResizeMode.SHORTER_SIDE:
        yield f"preprocessing = {quoted(mode.value)}  # how a picture becomes square"


def part_lines(table: str, part: NewPart, package: str | None) -> Iterator[str]:
    yield f"kind = {quoted(part.detected.kind)}"
    if package is not None:
        yield f"package = {quoted(package)}"
    if part.detected.class_list is not None:
        yield f"class_list = {quoted(part.detected.class_list)}"
    if part.numbers_repeats:
        yield 'repeats = "number"'
    if part.all_options:
        yield ""
        yield f"[{table}.options]"
        yield from (f"{key} = {value_text(value)}" for key, value in part.all_options.items())
    yield ""
    yield f"[{table}.licence]"
    yield f"name = {quoted(part.licence.name)}"
    yield f"business = {quoted(part.licence.business.value)}  # yes, no or unclear"
    if part.licence.url is not None:
        yield f"url = {quoted(part.licence.url)}"


def value_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(value_text, value))}]"
    return quoted(value) if isinstance(value, str) else str(value)


def quoted(text: str) -> str:
    """As TOML's basic strings are: JSON's, but for the one character that JSON leaves as it is.

    What is no character, as bytes of the command line that are no UTF-8, becomes a question mark.
    """
    known = text.encode(errors="replace").decode()
    return json.dumps(known, ensure_ascii=False).replace("\x7f", "\\u007f")
