"""Options of timm's and torchvision's classifiers, with a head and a list of classes of the user's own."""

from pydantic import Field

from adapters.profiles.options.preparing import PreparingOptions


class VisionOptions(PreparingOptions):
    """What the folder's config.json says otherwise, or leaves out."""

    architecture: str | None = Field(
        None, min_length=1, max_length=100, description="The library's name of the network; else config.json has it."
    )
