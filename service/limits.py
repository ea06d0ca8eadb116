"""How much a client may send, and how long things may take."""

from adapters.settings import MEBIBYTE, Settings

MAX_FORM_FIELDS = 1100
MAX_FORM_FILES = 8
MAX_FORM_FIELD_BYTES = 64 << 10
MAX_JSON_NAMES = 100
FIELDS_BYTES = MEBIBYTE
"""What all fields but the image may take."""
BODY_SECONDS = 60
"""A body that has not come by then is given up."""
DRAIN_SECONDS = 0.5
"""So long a refused body is read and thrown away: a client that is cut off while it sends would not see why."""

PREDICT_WAIT_SECONDS = 10
CERTIFY_WAIT_SECONDS = 0
MAX_WAIT_SECONDS = 60
DECODERS = 2
"""Images decoded at once: a large one takes 0.5 s and 0.5 GB."""


def form_body_limit(settings: Settings) -> int:
    """The largest multipart body."""
    return settings.max_upload_bytes + FIELDS_BYTES


def json_body_limit(settings: Settings) -> int:
    """The largest JSON body: the image is there in base64."""
    return base64_length(settings.max_upload_bytes) + FIELDS_BYTES


def base64_length(size: int) -> int:
    """Characters of so many bytes in base64, padding included."""
    return -(-size // 3) * 4
