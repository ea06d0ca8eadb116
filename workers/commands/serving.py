"""`robustify up`, `api` and `worker`: processes that serve."""

import os
import sys
from typing import Annotated

import typer

from adapters.store.api_keys import check_listening
from robustify.errors import InvalidInputError
from workers.commands.app import ProfileName, app, require_queue, say, settings_with


@app.command()
def up(
    workers: Annotated[int | None, typer.Option(help="Worker processes; by default one.", min=1)] = None,
    gpus: Annotated[
        str | None, typer.Option(help="A worker for each of these GPUs: all, how many (2), or which (0,2).")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address of the API.")] = None,
    port: Annotated[int | None, typer.Option(help="Port of the API.")] = None,
    profile: ProfileName = None,
) -> None:
    """Run the whole service on this machine until Ctrl-C: queue, workers, API."""
    from workers.supervision.stack import running_stack

    if gpus is not None and workers is not None:
        raise InvalidInputError("choose --workers or --gpus: each GPU has one worker")
    chosen = gpus_named(gpus) if gpus is not None else ()
    settings = settings_with(host=host, port=port, profile=profile, device="cuda" if chosen else None)
    with running_stack(settings, workers or 1, chosen) as supervisor:
        say(f"API on http://{settings.host}:{settings.port}, state in {settings.state_dir}; Ctrl-C stops")
        supervisor.run_until_signal()


def gpus_named(asked: str) -> tuple[str, ...]:
    """Those that are meant. torch, which takes seconds to load, is what knows which there are."""
    from adapters.models.gpus import visible_gpus
    from workers.supervision.gpus import chosen_gpus

    return chosen_gpus(asked, visible_gpus())


@app.command()
def api(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
) -> None:
    """Run the API alone; the queue is at ROBUSTIFY_REDIS_URL."""
    from workers.supervision.stack import api_child, environment_of

    settings = settings_with(host=host, port=port)
    require_queue(settings)
    check_listening(settings)
    child = api_child(environment_of(settings))
    os.execve(sys.executable, [sys.executable, *child.command], {**os.environ, **child.environment})


@app.command()
def worker(profile: ProfileName = None) -> None:
    """Run one worker; the queue is at ROBUSTIFY_REDIS_URL."""
    from workers.wiring import run_worker

    settings = settings_with(profile=profile)
    require_queue(settings)
    run_worker(settings)
