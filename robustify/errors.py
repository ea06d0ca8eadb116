"""The expected failures, one sentence each.

RobustifyError
    InvalidInputError           what the client sent cannot be used
        UnreadableImageError
            UnsupportedImageError
    ModelError                  a model cannot be used as it is
        ModelFilesError
        HubError
    QueueUnavailableError
    QueueFullError
    StoreUnavailableError       what is stored cannot be reached; an OSError too
    ReusedKeyError              an Idempotency-Key of another request
    AllowanceError              a caller asks for more than it may
    TooManyQuestionsError       an operator allows no more about this image
    StoredImageError
    UnknownTaskError
    TaskConflictError           a name that stands for something else, or a task that is in use
    StoredTaskError
"""


class RobustifyError(Exception):
    """Something that was planned for went wrong; the message says what, what was expected, and what to do."""


class InvalidInputError(RobustifyError):
    """A parameter, a label list or an image breaks a rule; `field` names the parameter."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class UnreadableImageError(InvalidInputError):
    """The bytes are no image that can be certified."""

    def __init__(self, message: str) -> None:
        super().__init__(message, field="image")


class UnsupportedImageError(UnreadableImageError):
    """The file is of a kind that is not accepted, whatever it shows."""


class ModelError(RobustifyError):
    """A model cannot be used as it is."""


class ModelFilesError(ModelError):
    """A model's files are missing, changed, or in a format that is not loaded."""


class HubError(ModelError):
    """The model hub cannot be reached, or does not give what is asked for."""


class QueueUnavailableError(RobustifyError):
    """The queue server cannot be reached."""


class QueueFullError(RobustifyError):
    """More jobs wait than the settings allow; the client may try again later."""


class StoreUnavailableError(RobustifyError, OSError):
    """What is stored cannot be reached or written now: to who reads and writes, it is a disk that fails from afar."""


class ReusedKeyError(RobustifyError):
    """An Idempotency-Key came with another request than before."""


class AllowanceError(RobustifyError):
    """A caller has as much as it may have; `retry_seconds` says when there may be more."""

    def __init__(self, message: str, retry_seconds: int) -> None:
        super().__init__(message)
        self.retry_seconds = retry_seconds


class TooManyQuestionsError(RobustifyError):
    """As many questions were asked about an image as the operator allows."""


class StoredImageError(RobustifyError):
    """An image that a job names is not in the store, or is damaged there."""


class UnknownTaskError(RobustifyError):
    """There is no task, or no version of it, by that name or number."""


class TaskConflictError(RobustifyError):
    """A name stands for something else already, or what is to go is in use."""


class StoredTaskError(RobustifyError):
    """A task or what was adapted to it is damaged on disk."""
