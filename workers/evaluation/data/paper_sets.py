"""The paper's 12 data sets: names, templates, and which reader fits each."""

from enum import StrEnum
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from adapters.profiles.class_lists import unique_names
from adapters.profiles.profile import CLASS_NAMES
from robustify.errors import InvalidInputError
from robustify.types import DEFAULT_TEMPLATE
from workers.evaluation.data.class_folders import class_folders
from workers.evaluation.data.crop_diseases import crop_diseases
from workers.evaluation.data.isic import isic
from workers.evaluation.data.names import Known
from workers.evaluation.data.source import Source
from workers.evaluation.data.stl10 import stl10
from workers.evaluation.data.torchvision_sets import SETS, torchvision_set

BACKGROUND = "background"
"""Of Caltech's names: clutter, which torchvision leaves out as no class."""


class Prompts(StrEnum):
    """Which templates a set is asked with: the usual one, which the paper classifies with; the set's own, which the
    paper makes references with; or the ensemble that CLIP's evaluation has for it.
    """

    USUAL = "usual"
    PAPER = "paper"
    CLIP = "clip"


class PaperSet(BaseModel):
    """One of the sets; `names` is None where the files themselves have them."""

    model_config = ConfigDict(frozen=True)

    name: str
    classes: int
    template: str
    templates_clip: tuple[str, ...]
    names: tuple[str, ...] | None

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """In the order of its labels, no two the same: ImageNet's have "missile" and "sunglasses" twice."""
        if self.names is None:
            return None
        return unique_names([name for name in self.names if name != BACKGROUND])

    def templates(self, prompts: Prompts) -> tuple[str, ...]:
        """The set's own where CLIP's evaluation has none for it, as for CropDiseases and ISIC2018."""
        if prompts is Prompts.USUAL:
            return (DEFAULT_TEMPLATE,)
        return self.templates_clip if prompts is Prompts.CLIP and self.templates_clip else (self.template,)


class PaperSets(BaseModel):
    """The file that they are read from."""

    source: str
    sets: tuple[PaperSet, ...]


def paper_set(name: str) -> PaperSet:
    """By its name, in whatever case. Raises InvalidInputError."""
    found = {known.name.lower(): known for known in paper_sets()}
    if name.lower() not in found:
        raise InvalidInputError(
            f"there is no set {name!r}: it must be one of {', '.join(known.name for known in paper_sets())}", "set"
        )
    return found[name.lower()]


@cache
def paper_sets() -> tuple[PaperSet, ...]:
    text = (CLASS_NAMES / "paper_sets.json").read_text(encoding="utf-8")
    return PaperSets.model_validate_json(text).sets


def source_of(wanted: PaperSet, root: Path, split: str | None, known: Known) -> Source:
    """Its files in the layout in which they are published. Raises InvalidInputError."""
    names = wanted.class_names
    match wanted.name:
        case "ImageNet":
            return class_folders(root, split, Known(known.classes or names))
        case "STL10":
            return stl10(root, split or "test")
        case "CropDiseases":
            assert names is not None
            return crop_diseases(root, split, names)
        case "ISIC2018":
            assert names is not None
            return isic(root, split, names)
    return torchvision_set(SETS[wanted.name], root, split, names)
