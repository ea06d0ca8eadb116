"""Signatures of webhooks, against the verifier of Standard Webhooks."""

import json
import stat
from pathlib import Path

import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook, WebhookVerificationError

from adapters.settings import Settings
from service.webhooks.signing import Signer, now_in_utc

BODY = json.dumps({"type": "job.succeeded"})


def signer(folder: Path, key: str | None = None) -> Signer:
    return Signer(Settings(state_dir=folder, webhook_secret=None if key is None else SecretStr(key)))


def test_signature_when_it_is_checked(tmp_path: Path) -> None:
    """The owner's secret verifies it; another owner's, another body or another id does not."""
    ours = signer(tmp_path)
    headers = dict(ours.headers("ann", "message", now_in_utc(), BODY))
    assert Webhook(ours.secret_of("ann")).verify(BODY, headers) == json.loads(BODY)
    for secret, body, given in (
        (ours.secret_of("bob"), BODY, headers),
        (ours.secret_of("ann"), BODY + " ", headers),
        (ours.secret_of("ann"), BODY, {**headers, "webhook-id": "other"}),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, given)


def test_secret_when_it_is_asked_for_again(tmp_path: Path) -> None:
    """It is the same in another process, and one for each owner; the key lies in a file for its owner alone."""
    first = signer(tmp_path).secret_of("ann")
    assert first.startswith("whsec_")
    assert signer(tmp_path).secret_of("ann") == first
    assert signer(tmp_path).secret_of("") != first
    assert stat.S_IMODE((tmp_path / "webhook_secret").stat().st_mode) == 0o600


def test_secret_when_the_key_is_given(tmp_path: Path) -> None:
    """Several machines that are given the same key have the same secrets, and nothing is written."""
    secrets = {signer(tmp_path / name, "ab" * 32).secret_of("ann") for name in ("one", "two")}
    assert len(secrets) == 1
    assert list(tmp_path.iterdir()) == []
