"""How much a client may send, and how long things may take."""

from dataclasses import dataclass

from adapters.settings import MEBIBYTE, Settings

MAX_FORM_FIELDS = 1100
MAX_FORM_FILES = 8
MAX_FORM_FIELD_BYTES = 64 << 10
MAX_JSON_NAMES = 100
FIELDS_BYTES = MEBIBYTE
"""What a body may have besides the image."""
BODY_SECONDS = 60
"""A body that has not come by then is given up."""
DRAIN_SECONDS = 0.5
"""So long a refused body is read and thrown away: a client that is cut off while it sends would not see why."""

PREDICT_WAIT_SECONDS = 10
CERTIFY_WAIT_SECONDS = 0
ADAPT_WAIT_SECONDS = 0
REGISTER_WAIT_SECONDS = 10
"""For an adaptation that adapts nothing: the labels are stored as a task."""
READ_WAIT_SECONDS = 0
MAX_WAIT_SECONDS = 60
DECODERS = 2
"""Images decoded at once: a large one takes 0.5 s and 0.5 GB."""


@dataclass(frozen=True)
class UploadLimits:
    """The most bytes that the image file may have, and the body in which it comes."""

    image: int
    body: int

    @property
    def rule(self) -> str:
        """What the description of the API says, and a refusal."""
        return f"The image file may have at most {self.image} bytes, and the whole body {self.body}."

    @property
    def refusal(self) -> str:
        return f"{self.rule} Scale the image down or compress it."


@dataclass(frozen=True)
class FieldsLimit:
    """The most bytes of a JSON body that has no image."""

    body: int = 2 * FIELDS_BYTES

    @property
    def refusal(self) -> str:
        return f"The body may have at most {self.body} bytes: send the documented fields only."


BodyLimits = UploadLimits | FieldsLimit


def form_limits(settings: Settings) -> UploadLimits:
    return UploadLimits(settings.max_upload_bytes, settings.max_upload_bytes + FIELDS_BYTES)


def json_limits(settings: Settings) -> UploadLimits:
    """Here the image is in base64."""
    return UploadLimits(settings.max_upload_bytes, base64_length(settings.max_upload_bytes) + FIELDS_BYTES)


def base64_length(size: int) -> int:
    """Characters of so many bytes in base64, padding included."""
    return -(-size // 3) * 4
