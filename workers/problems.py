"""Why a job failed, as its client reads it: a fixed list without details of the machine; those are in the log."""

from adapters.queue.messages import JobError
from robustify.errors import InvalidInputError

MODEL_CHANGED = JobError(
    type="model-changed",
    title="The model has changed",
    detail="The workers have another model or other settings than when the job was submitted: submit it again.",
)
INPUT_LOST = JobError(
    type="input-lost",
    title="The image is not in the store",
    detail="The image was deleted or damaged before the job ended: submit it again.",
)
INTERNAL_ERROR = JobError(
    type="internal-error",
    title="Internal error",
    detail="The job failed several times; submit it again, and if it fails again, tell the operator.",
)


def invalid_input(error: InvalidInputError) -> JobError:
    """What only the model could tell: a label that its text encoder cannot read, or two that are one to it."""
    return JobError(type="invalid-input", title="A parameter is missing or out of range", detail=str(error))
