"""A real S3 server on this machine: a process of its own, with one bucket, which ends with the test that started it."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from adapters.child_process import die_with_parent

BUCKET = "bucket"
START_SECONDS = 60.0
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "robustify", "AWS_SECRET_ACCESS_KEY": "robustify"}
"""Any will do: the server signs nobody in. A client does not ask without."""


@dataclass
class S3Server:
    """What it stores is in its memory: whoever stops it, pauses it instead."""

    port: int
    process: subprocess.Popen[bytes]
    address: str = "127.0.0.1"

    @property
    def endpoint(self) -> str:
        return f"http://{self.address}:{self.port}"

    def url(self, prefix: str) -> str:
        """What ROBUSTIFY_STORE says."""
        return f"s3://{BUCKET}/{prefix}?endpoint={self.endpoint}&region=eu-west-1"


@contextmanager
def running_s3_server() -> Iterator[S3Server]:
    """Answers when it is yielded."""
    port = free_port()
    process = subprocess.Popen(
        server_command("127.0.0.1", port),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=die_with_parent(),
    )
    server = S3Server(port, process)
    try:
        make_bucket(server)
        yield server
    finally:
        process.kill()
        process.wait()


def server_command(address: str, port: int) -> list[str]:
    return [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", address, "-p", str(port)]


def make_bucket(server: S3Server) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            made = httpx.put(f"{server.endpoint}/{BUCKET}", content=LOCATION)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            if made.status_code != 409:  # It is there: an earlier answer came too late.
                made.raise_for_status()
            return
    raise RuntimeError("the S3 server does not start")


LOCATION = b"<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>"


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port
