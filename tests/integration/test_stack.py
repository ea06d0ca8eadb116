"""The whole service on one machine, when a part of it dies."""

import io
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

from adapters.queue.server import EmbeddedServer
from adapters.settings import Settings
from workers.supervision.stack import running_stack

WaitUntil = Callable[..., None]
FreePort = Callable[[], int]
ROBUSTIFY = Path(sys.executable).with_name("robustify")


def test_the_queue_server_is_killed(tmp_path: Path, wait_until: WaitUntil, free_port: FreePort) -> None:
    """It is started again, with all that it knew, and the next request is answered."""
    settings = Settings(profile="oracle-linear", state_dir=tmp_path, port=free_port(), threads=1, log_level="WARNING")
    address = f"http://{settings.host}:{settings.port}"
    with running_stack(settings) as supervisor, httpx.Client(base_url=address, timeout=60) as client:

        def is_ready() -> bool:
            supervisor.revive()
            try:
                return client.get("/readyz").is_success
            except httpx.TransportError:
                return False

        wait_until(is_ready)
        first = predict(client, seed=1)
        assert first["status"] == "succeeded"
        assert supervisor.server is not None
        pid = supervisor.server.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: is_ready() and supervisor.server is not None and supervisor.server.pid != pid)
        assert predict(client, seed=2)["status"] == "succeeded"
        assert client.get(f"/jobs/{first['id']}").json() == first


def predict(client: httpx.Client, seed: int) -> dict[str, object]:
    pixels = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    picture = io.BytesIO()
    Image.fromarray(pixels).save(picture, "PNG")
    answer = client.post(
        "/predict",
        files={"image": picture.getvalue()},
        data={"labels": ["left", "right"]},
        headers={"Prefer": "wait=30"},
    )
    job: dict[str, object] = answer.json()
    return job


def test_a_child_that_never_starts(tmp_path: Path, wait_until: WaitUntil, free_port: FreePort) -> None:
    """`up` gives up after some attempts, with exit code 1 and the child's own words, and leaves nothing behind."""
    port, said = free_port(), tmp_path / "said"
    command = [str(ROBUSTIFY), "up", "--profile", "oracle-linear", "--port", str(port)]
    environment = {**os.environ, "ROBUSTIFY_STATE_DIR": str(tmp_path / "state")}
    with said.open("w") as file, subprocess.Popen(command, env=environment, stdout=file, stderr=file) as up:
        try:
            wait_until((tmp_path / "state" / "queue").exists)
            # Somebody takes the port after `up` has found it free, and before the API listens.
            with socket.create_server(("127.0.0.1", port)):
                assert up.wait(120) == 1
        finally:
            up.kill()
    last = [line for line in said.read_text().splitlines() if line.startswith("error: ")]
    assert len(last) == 1
    assert "api failed at 4 starts in a row" in last[0]
    assert "Traceback" not in said.read_text()
    with EmbeddedServer(tmp_path / "state"):
        """The queue server of `up` has ended: this one gets its folder."""
