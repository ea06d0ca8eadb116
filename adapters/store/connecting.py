"""From the address of an object store to a client: which credentials it has, and how long it waits."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from obstore.exceptions import BaseError
from obstore.store import S3Store, from_url

from robustify.errors import StoreUnavailableError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig, S3Config

CONNECT_SECONDS, ANSWER_SECONDS = 3.0, 10.0
TRANSFER_SECONDS = 120.0
"""An answer may take so long in all, as long as something of it comes."""
RETRIES, RETRY_SECONDS = 5, 12.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 3.0
"""Between two tries; each is drawn at random up to one that grows."""


def connect(url: str) -> "ObjectStore":
    """A client of the bucket and the prefix of `s3://bucket/prefix?endpoint=...&region=...`; asks nothing yet.

    Credentials are those that such clients find by themselves: in the environment of the process, or of the machine.
    """
    parts = urlsplit(url)
    place = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
    try:
        if parts.scheme == "s3":
            return s3(place, dict(parse_qsl(parts.query)))
        return from_url(place, client_options=client_options(is_plain=False), retry_config=retries())
    except (BaseError, ValueError) as error:
        raise StoreUnavailableError("ROBUSTIFY_STORE cannot be used as it is: check endpoint and region") from error


def s3(place: str, options: Mapping[str, str]) -> S3Store:
    """Amazon's, or where an endpoint is named another that speaks its protocol."""
    config: S3Config = {}
    if "endpoint" in options:
        config["endpoint"] = options["endpoint"]
    if "region" in options:
        config["region"] = options["region"]
    is_plain = options.get("endpoint", "").startswith("http://")
    return S3Store.from_url(place, config=config, client_options=client_options(is_plain), retry_config=retries())


def client_options(is_plain: bool) -> "ClientConfig":
    """`is_plain`: the endpoint has no TLS, as its address says."""
    return {
        "allow_http": is_plain,
        "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
        "read_timeout": timedelta(seconds=ANSWER_SECONDS),
        "timeout": timedelta(seconds=TRANSFER_SECONDS),
    }


def retries() -> "RetryConfig":
    return {
        "max_retries": RETRIES,
        "retry_timeout": timedelta(seconds=RETRY_SECONDS),
        "backoff": {
            "init_backoff": timedelta(seconds=FIRST_PAUSE_SECONDS),
            "max_backoff": timedelta(seconds=LONGEST_PAUSE_SECONDS),
            "base": 2,
        },
    }
