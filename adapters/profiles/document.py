"""What a profile's file may say: the tables and keys of its TOML, with their types, ranges and defaults."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from adapters.images import ResizeMode
from adapters.profiles.class_lists import Repeats
from adapters.profiles.licences import Licence
from adapters.profiles.profile import ClassifierKind, DenoiserKind
from adapters.settings import NumberFormat

REPOSITORY = r"^[A-Za-z0-9][\w.-]*/[\w.-]+$"
PLACEHOLDER = "{}"
PROFILE_NAME = r"^[a-z0-9][a-z0-9.-]{0,63}$"


class Table(BaseModel):
    """A table of the file: a key that is not known is an error, and a text is no number."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class StatedLicence(Licence):
    """The licence of a part, as its file states it."""

    must_be_accepted: bool = Field(False, description="Whether `robustify models pull` asks for acceptance of it.")


class Part(Table):
    """One model of a profile. Its files come from one place: `source`, `package`, or with the installation (`bundled`);
    where none is given and the kind has files, from a folder of yours.
    """

    source: str | None = Field(None, pattern=REPOSITORY, description="Repository of the model hub.")
    package: str | None = Field(None, description="Weights of an installed Python package: ffdnet or lite0.")
    bundled: bool = Field(False, description="Whether its weights come with the installation.")
    licence: StatedLicence = Field(description="Its licence: a table with name, business, url and read.")


class DenoiserTable(Part):
    kind: DenoiserKind = Field(description="What removes the noise.")
    k: float = Field(1.0, ge=0, le=10, description="Correction factor of Eq. 8.")
    prompt: str = Field("", max_length=1000, description="What it is told where no task is adapted.")
    large_text_encoder: bool = Field(False, description="Whether only a process of its own may load the text encoder.")
    lora_width: int = Field(0, ge=0, description="Inputs and outputs of all weights that a LoRA changes.")
    options: dict[str, object] = Field({}, description="What the kind takes beside: see the manual.")


def checked_template(template: str) -> str:
    if template.count(PLACEHOLDER) != 1:
        raise ValueError("a template has {} once, where the label goes")
    return template


class ClassifierTable(Part):
    kind: ClassifierKind = Field(description="What classifies the denoised images.")
    class_list: str | None = Field(None, description="Names of its classes: imagenet, or a file in its folder.")
    repeats: Repeats = Field(
        "refuse", description='A name that the list has twice: refuse it, or number the second one "crane (2)".'
    )
    classes: int | None = Field(None, ge=2, description="How many labels it tells apart; by default any number.")
    templates: tuple[Annotated[str, AfterValidator(checked_template)], ...] = Field(
        (), max_length=100, strict=False, description="Prompts of a label; by default that of the request."
    )
    options: dict[str, object] = Field({}, description="What the kind takes beside: see the manual.")


class GeneratorTable(Part):
    """Makes the references of an adaptation."""


class ProfileDocument(Table):
    """The whole file."""

    name: str = Field(pattern=PROFILE_NAME, description="Small letters, digits, hyphens and dots.")
    description: str = Field(min_length=1, max_length=300, description="One sentence.")
    licence: str = Field(min_length=1, max_length=300, description="What people must know of its licences.")
    side: int = Field(ge=16, le=1024, description="Height and width of the images that it sees.")
    sigma: float = Field(0.25, gt=0, le=10, description="Noise of a request that gives none.")
    batch: int = Field(50, ge=1, le=10_000, description="Samples of one forward pass; part of the fingerprint.")
    shard: int = Field(100, ge=1, le=100_000, description="Samples of one shard: a second or two of work.")
    dtype: NumberFormat = Field("float32", description="Number format of the models; part of the fingerprint.")
    micro_batch: int = Field(32, ge=1, le=10_000, description="Images that training takes at once.")
    preprocessing: ResizeMode = Field(
        ResizeMode.SHORTER_SIDE, strict=False, description="How a picture becomes square."
    )
    for_tests: bool = Field(False, description="Whether `GET /models` lists it only where it is served.")
    denoiser: DenoiserTable
    classifier: ClassifierTable
    generator: GeneratorTable | None = None
    adaptation: dict[str, object] = Field({}, description="How it adapts unless a request says otherwise.")

    @property
    def parts(self) -> Sequence[tuple[str, Part]]:
        """Those that there are, by their names."""
        found = [("denoiser", self.denoiser), ("classifier", self.classifier), ("generator", self.generator)]
        return [(name, part) for name, part in found if part is not None]
