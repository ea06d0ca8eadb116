"""The whole service on one machine: the queue server when none is given, one worker, and the API."""

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import get_args

from pydantic import SecretStr

from adapters.certificates.key_files import signing_key
from adapters.certificates.public_keys import noise_key
from adapters.profiles.availability import check_presence
from adapters.profiles.library import served_profiles
from adapters.profiles.profile import Profile
from adapters.queue.server import EmbeddedServer
from adapters.settings import Settings
from adapters.store.api_keys import check_listening
from robustify.errors import RobustifyError
from workers.supervision.gpus import environment_of_gpu
from workers.supervision.processes import Child, Supervisor


@contextmanager
def running_stack(settings: Settings, workers: int = 1, gpus: Sequence[str] = ()) -> Iterator[Supervisor]:
    """Start everything that `settings` do not name as running elsewhere, with so many workers for each profile, or one
    for each of the `gpus`; end it on the way out.
    """
    profiles = served_profiles(settings)
    for profile in profiles:
        check_presence(profile, settings)
    with key_failures():
        noise_key(settings)
        signing_key(settings)
    check_listening(settings)
    check_port(settings)
    with ExitStack() as stack:
        server = None if settings.redis_url else stack.enter_context(own_server(settings))
        url = server.url if server else settings.redis_url
        environment = environment_of(settings.model_copy(update={"redis_url": url}))
        children = [*worker_children(profiles, workers, environment, gpus), api_child(environment)]
        yield stack.enter_context(Supervisor(children, server))


@contextmanager
def key_failures() -> Iterator[None]:
    """Says what a first start on a full disk, or in a folder of somebody else's, fails of."""
    try:
        yield
    except OSError as error:
        raise RobustifyError(
            f"the keys cannot be kept in the state folder ({error.strerror}): make room on its disk, or choose another "
            "ROBUSTIFY_STATE_DIR that you may write in"
        ) from error


def own_server(settings: Settings) -> EmbeddedServer:
    return EmbeddedServer(settings.state_dir, settings.queue_bytes)


def check_port(settings: Settings) -> None:
    """Say at once that the address cannot be listened on, rather than start the API again and again."""
    try:
        with socket.create_server((settings.host, settings.port)):
            pass
    except OSError as error:
        raise RobustifyError(
            f"{settings.host}:{settings.port} cannot be listened on: is it in use? Choose another host or port"
        ) from error


def environment_of(settings: Settings) -> dict[str, str]:
    """The settings as the environment variables that a child process reads them from; secrets stay where they are."""
    prefix = settings.model_config["env_prefix"]
    values = settings.model_dump(mode="json", exclude_none=True, exclude=secret_fields())
    return {f"{prefix}{name}".upper(): str(value) for name, value in values.items()}


def secret_fields() -> set[str]:
    """The settings that no list of a process's environment may show twice."""
    return {name for name, field in Settings.model_fields.items() if SecretStr in get_args(field.annotation)}


def worker_children(
    profiles: Sequence[Profile], workers: int, environment: dict[str, str], gpus: Sequence[str] = ()
) -> list[Child]:
    """So many for each profile, since a worker has one; where GPUs are named, one for each, which sees no other."""
    places: list[dict[str, str]] = [environment_of_gpu(gpu) for gpu in gpus] or [{}] * workers
    wanted = [(profile.name, place) for profile in profiles for place in places]
    share = share_of_cores(len(wanted))
    return [
        Child(f"worker-{index}", ("-m", "workers"), {**share, **environment, **place, "ROBUSTIFY_PROFILE": name})
        for index, (name, place) in enumerate(wanted)
    ]


def share_of_cores(workers: int) -> dict[str, str]:
    """Threads of each of several workers where no setting says it: else each computes on all cores, and its threads
    wait for cores that others have."""
    return {"ROBUSTIFY_THREADS": str(max(1, (os.cpu_count() or 1) // workers))} if workers > 1 else {}


def api_child(environment: dict[str, str]) -> Child:
    """By name: this package never imports the service."""
    return Child("api", ("-m", "service"), environment)
