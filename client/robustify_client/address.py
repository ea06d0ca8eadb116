"""Where the service is and with which key it is asked, looked at before anything is sent."""

from __future__ import annotations

import ipaddress
import os
import re
import warnings
from dataclasses import dataclass, field

import httpx2

from robustify_client.errors import UsageError
from robustify_client.message import SECRET

KEY_VARIABLE = "ROBUSTIFY_API_KEY"
DEFAULT_URL = "http://127.0.0.1:8000"
KEY = re.compile(r"[\x21-\x7e]{1,512}")


class InsecureKeyWarning(UserWarning):
    """A key goes over a network in clear."""


@dataclass(frozen=True)
class Address:
    """One service. Its key is sent to this address and to no other; it is never shown."""

    url: str
    key: str | None = field(default=None, repr=False)

    def to(self, path: str) -> str:
        return f"{self.url}{path}"

    @property
    def headers(self) -> dict[str, str]:
        """That every request has."""
        # Nothing is unpacked on this side: some kilobytes of a hostile answer could become gigabytes.
        common = {"Accept-Encoding": "identity", "User-Agent": "robustify-client"}
        return common if self.key is None else {**common, SECRET: f"Bearer {self.key}"}


def address_of(url: str, key: str | None) -> Address:
    """The address, with the key that is given or the one of the environment; UsageError where either is none."""
    checked = checked_url(url)
    secret = key if key is not None else os.environ.get(KEY_VARIABLE) or None
    if secret is None:
        return Address(checked)
    if not KEY.fullmatch(secret):
        raise UsageError("the key has a space or a letter that no key has: give it as the operator gave it", "key")
    if checked.startswith("http://") and not is_here(checked):
        warnings.warn(f"the key goes to {checked} in clear: use https", InsecureKeyWarning, stacklevel=4)
    return Address(checked, secret)


def checked_url(url: str) -> str:
    """Without a slash at its end."""
    try:
        parts = httpx2.URL(url)
    except (httpx2.InvalidURL, TypeError) as error:
        raise UsageError(f"{str(url)[:200]} is no address of a server: {error}", field="server") from error
    if any(letter.isspace() for letter in url):
        raise UsageError("the address has a space, which no address has", field="server")
    has_port = parts.port is None or 0 < parts.port < 65536
    if parts.scheme not in ("http", "https") or not parts.host or not has_port:
        raise UsageError(f"{url[:200]} is no address of a server: begin it with http://", field="server")
    if parts.userinfo or parts.query or parts.fragment:
        raise UsageError("the address has no user, no ? and no #: a key is given as key=", field="server")
    return url.rstrip("/")


def is_here(url: str) -> bool:
    """Whether it is this machine, which nobody listens to on the way."""
    host = httpx2.URL(url).host
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
