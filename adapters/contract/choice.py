"""The choice between the profiles of a service that serves several."""

from pydantic import BaseModel, Field

PROFILE = "profile"


class Choosing(BaseModel):
    """What a request may have besides what it asks for, where several profiles are served."""

    profile: str | None = Field(
        None,
        description="Whose models are to answer, of those that `/models` says are served; by default the first of them "
        "that the key may ask.",
        examples=["mini"],
    )
