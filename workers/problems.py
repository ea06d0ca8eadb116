"""Why a job failed, as its client reads it: a fixed list without details of the machine; those are in the log."""

import errno

from adapters.contract.jobs import JobError
from robustify.errors import RobustifyError, StoredTaskError, TaskConflictError

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


STORE_FULL = JobError(
    type="store-unavailable",
    title="The disk is full",
    detail="There is no room on the disk of the worker: tell the operator, then submit it again.",
)
OUT_OF_MEMORY = JobError(
    type="out-of-memory",
    title="Not enough memory",
    detail="The worker has not enough memory for this job: tell the operator, then submit it again.",
)
ADAPTATION_OUT_OF_MEMORY = OUT_OF_MEMORY.model_copy(
    update={
        "detail": "The worker has not enough memory for this adaptation: adapt with fewer labels, or with a smaller "
        "batch_size, fine_tuning_batch_size or rank; if that does not help, tell the operator."
    }
)
DISK_IS_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def out_of_memory(adapts: bool) -> JobError:
    """An adaptation may be asked for with less; every batch of votes is as large."""
    return ADAPTATION_OUT_OF_MEMORY if adapts else OUT_OF_MEMORY


def refusal_of(error: RobustifyError) -> JobError:
    """What only a worker could tell: labels that are one to the model, a name that was taken, a task that was lost."""
    if isinstance(error, TaskConflictError):
        return JobError(type="task-conflict", title="The task stands in the way", detail=str(error))
    if isinstance(error, StoredTaskError):
        return JobError(type="task-lost", title="The task cannot be used", detail=str(error))
    return JobError(type="invalid-input", title="A parameter is missing or out of range", detail=str(error))
