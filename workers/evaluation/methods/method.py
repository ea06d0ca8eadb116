"""What a named method of a comparison is: a profile, how it is smoothed, and how its weights are had."""

from pydantic import BaseModel, ConfigDict

from workers.evaluation.runs import Smoothing


class NamedMethod(BaseModel):
    """One row of a comparison. `profile` may hold `{sigma}`, for weights that are trained for one sigma each."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    """Of its row in a table."""
    paper: str
    """Which row of the paper it stands for."""
    profile: str
    smoothing: Smoothing
    adapted: bool = False
    """Whether it classifies with a task that was adapted from the label set alone."""
    recipe: str | None = None
    """The commands that make its weights; none where they come with the installation."""
    cost: str | None = None
    """Of the recipe, and of training its weights anew."""
    expected: str | None = None
    """What the training told of its weights in the end, on images that were held back from it."""

    def profile_at(self, sigma: float) -> str:
        """The name of the profile that is used with this noise."""
        return self.profile.replace("{sigma}", f"{sigma:g}")
