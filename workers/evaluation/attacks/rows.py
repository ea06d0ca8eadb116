"""What became of one attacked image, as a line of a run's `rows.jsonl`."""

from pydantic import BaseModel, ConfigDict


class AttackRow(BaseModel):
    """Answers are class indices; None stands for an abstention, which is never right and never robust."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    index: int
    file: str
    sha256: str
    """Of the file."""
    label: int
    """The class that is right."""
    problem: str | None = None
    """Why the file cannot be used; then nothing else is known."""
    answer_before: int | None = None
    base_answer: int | None = None
    """Of the base classifier on the clean image, asked where PREDICT abstained."""
    attacked: bool = False
    """An image that is answered wrongly already is not, unless that is asked for."""
    answer_after: int | None = None
    p_value_after: float | None = None
    votes_after: tuple[int, ...] | None = None
    distance: float = 0.0
    """L2, of the adversarial image from the clean one."""
    zero_gradients: float = 0.0
    """Share of the gradients that were exactly zero."""
    forwards: int = 0
    """Of the attack, in forward passes of f."""
    seconds: float = 0.0
    clean_sha256: str = ""
    """Of the tensor's bytes."""
    image_sha256: str = ""
    """Of the adversarial tensor's bytes."""
    run: str
    """Digest of the settings."""

    @property
    def line(self) -> str:
        """As it stands in the file."""
        return self.model_dump_json(exclude_unset=True) + "\n"

    @property
    def is_clean(self) -> bool:
        """Right as the paper counts it: by PREDICT, or by the base classifier where PREDICT abstains."""
        return self.label == (self.base_answer if self.answer_before is None else self.answer_before)

    @property
    def is_robust(self) -> bool:
        """Answered rightly before and after."""
        return self.answer_before == self.label == self.answer_after
