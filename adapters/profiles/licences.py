"""Licences as data: what may be done with each part of a profile, and which text was read."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

ADDRESS = r"^https?://\S+$"
GENERATOR: Final = "generator"


class Business(StrEnum):
    """Whether a part may be used in business. `unclear`: the text does not say, or there is none."""

    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"


class Licence(BaseModel):
    """The licence of one part of a profile."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=200, description="As its text calls itself.", examples=["MIT"])
    business: Business = Field(description="Whether business use is allowed.", examples=["yes"])
    url: str | None = Field(
        None, pattern=ADDRESS, description="Where its text is.", examples=["https://opensource.org/license/mit"]
    )
    read: str | None = Field(
        None, max_length=100, description="Commit or date of the text that was read.", examples=["2026-11-30"]
    )


class PartLicence(Licence):
    """The same, and of which part."""

    part: str = Field(
        pattern="^[a-z]{1,50}$", description="Such as denoiser, classifier, generator.", examples=["denoiser"]
    )


def of_answer(licences: Sequence[PartLicence], is_adapted: bool) -> tuple[PartLicence, ...]:
    """Those of the parts that an answer rests on: the generator only made the references of what was adapted."""
    return tuple(licence for licence in licences if is_adapted or licence.part != GENERATOR)


def business_use(licences: tuple[PartLicence, ...]) -> Business:
    """Of all parts together: what one of them forbids is forbidden, and what one leaves open is open."""
    found = {licence.business for licence in licences}
    for answer in (Business.NO, Business.UNCLEAR):
        if answer in found:
            return answer
    return Business.YES if found else Business.UNCLEAR
