"""`robustify demo`: the whole service, one prediction and one certificate over HTTP, then everything stops."""

import socket
import tempfile
import time
from pathlib import Path

from rich.console import Console

from adapters.profiles.profile import BUNDLED
from adapters.settings import Settings
from robustify.errors import RobustifyError
from workers.commands.app import app, output
from workers.commands.presentation import print_certificate, print_prediction
from workers.server_client import Server
from workers.supervision.processes import Supervisor
from workers.supervision.stack import running_stack

IMAGE = BUNDLED / "examples" / "horse.png"
LABELS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CERTIFY_SAMPLES = 1000
READY_SECONDS = 120.0


@app.command("demo")
def demo_command() -> None:
    """Start the service, predict and certify a bundled image over HTTP, and stop."""
    demo(output)


def demo(console: Console) -> None:
    """Print label, votes, p-value, certified radius with alpha and n, and seconds, for a bundled test image."""
    with tempfile.TemporaryDirectory(prefix="robustify-demo-") as state:
        settings = Settings(
            profile="mini", state_dir=Path(state), port=free_port(), redis_url=None, noise_key=None, log_level="WARNING"
        )
        console.print("starting the queue, one worker and the API ...")
        with running_stack(settings) as supervisor:
            server = Server(f"http://{settings.host}:{settings.port}")
            wait_until_ready(server, supervisor)
            ask(console, server, supervisor)


def ask(console: Console, server: Server, supervisor: Supervisor) -> None:
    labels, image = {"labels": list(LABELS)}, IMAGE.read_bytes()
    console.rule(f"POST /predict   {IMAGE.name}, {len(LABELS)} labels")
    print_prediction(console, server.predict(image, labels, lambda done, total: supervisor.revive()))
    console.rule(f"POST /certify   {IMAGE.name}, n = {CERTIFY_SAMPLES}")
    with console.status("certifying ...") as status:

        def on_progress(done: int, total: int) -> None:
            supervisor.revive()
            status.update(f"certifying: {done} of {total} samples")

        result = server.certify(image, {**labels, "n": CERTIFY_SAMPLES}, on_progress)
    print_certificate(console, result)


def wait_until_ready(server: Server, supervisor: Supervisor, workers: int = 1, seconds: float = READY_SECONDS) -> None:
    """Wait for the queue, so many workers with their models, and the API."""
    deadline = time.monotonic() + seconds
    while server.ready_workers() < workers:
        if time.monotonic() > deadline:
            raise RobustifyError(f"the service did not become ready within {seconds:.0f} s: see its log above")
        supervisor.revive()
        time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
