"""Signatures of webhooks (Standard Webhooks): one secret for each owner, made of one key of the service."""

import base64
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property

from standardwebhooks import Webhook

from adapters.certificates.key_files import KeySource, hex_key
from adapters.settings import Settings

PREFIX = "whsec_"
PURPOSE = b"robustify-webhook-1\0"


class Signer:
    """Knows the secrets of all owners; none of them is stored."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def secret_of(self, owner: str) -> str:
        """What the owner's receivers check signatures with. Raises OSError and InvalidInputError, as the key's file."""
        secret = hmac.digest(self._key, PURPOSE + owner.encode(), "sha256")
        return PREFIX + base64.b64encode(secret).decode()

    def headers(self, owner: str, message: str, now: datetime, body: str) -> Mapping[str, str]:
        """Of one attempt; `message` is the same for all attempts. Raises as `secret_of`."""
        signature = Webhook(self.secret_of(owner)).sign(message, now, body)
        return {
            "webhook-id": message,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signature,
        }

    @cached_property
    def _key(self) -> bytes:
        """Made at first need, where none is given."""
        settings = self._settings
        own = settings.state.webhook_secret
        return hex_key(KeySource("webhook_secret", settings.webhook_secret, settings.webhook_secret_file, own))


def now_in_utc() -> datetime:
    return datetime.now(UTC)
