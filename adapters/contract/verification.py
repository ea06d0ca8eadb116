"""What is said of a certificate once it is checked."""

from typing import Literal

from pydantic import BaseModel, Field

from adapters.profiles.licences import PartLicence


class CheckResult(BaseModel):
    """One property of a certificate."""

    name: str = Field(description="What was checked.", examples=["outcome"])
    passed: bool = Field(description="Whether it holds.", examples=[True])
    detail: str = Field(
        description="What was found, in a sentence.", examples=["The label is that of most selection votes."]
    )


Verdict = Literal["valid", "consistent, signer unknown", "not valid"]


class VerificationResult(BaseModel):
    """All checks that could be made of a certificate, and what only its issuer says."""

    valid: bool = Field(description="Whether every check passed.", examples=[True])
    verdict: Verdict = Field(
        description="`valid` only where the key that signed it is known from elsewhere; without, whoever wrote the "
        "document may have signed it with a key of their own.",
        examples=["valid"],
    )
    checks: tuple[CheckResult, ...]
    issuers_word: tuple[str, ...] = Field(
        description="Fields that no check could compare with anything: they are the issuer's word.",
        examples=[["model.profile", "software", "issued_at"]],
    )
    licences: tuple[PartLicence, ...] = Field(
        (),
        description="Of each part that answered, as the certificate says; none where it was made before they were in "
        "it.",
        examples=[[{"part": "denoiser", "name": "MIT", "business": "yes", "url": None, "read": None}]],
    )
