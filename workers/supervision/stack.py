"""The whole service on one machine: the queue server when none is given, one worker, and the API."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from adapters.certificates.key_files import signing_key
from adapters.certificates.public_keys import noise_key
from adapters.profiles.availability import check_presence
from adapters.profiles.shipped import served_profile
from adapters.queue.server import EmbeddedServer
from adapters.settings import Settings
from robustify.errors import RobustifyError
from workers.supervision.processes import Child, Supervisor


@contextmanager
def running_stack(settings: Settings, workers: int = 1) -> Iterator[Supervisor]:
    """Start everything that `settings` do not name as running elsewhere; end it on the way out."""
    check_presence(served_profile(settings), settings)
    noise_key(settings)
    signing_key(settings)
    check_port(settings)
    with ExitStack() as stack:
        server = None if settings.redis_url else stack.enter_context(EmbeddedServer(settings.state_dir))
        url = server.url if server else settings.redis_url
        environment = environment_of(settings.model_copy(update={"redis_url": url}))
        children = [worker_child(index, environment) for index in range(workers)]
        yield stack.enter_context(Supervisor([*children, api_child(settings, environment)], server))


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
    values = settings.model_dump(
        mode="json", exclude_none=True, exclude={"noise_key", "signing_key", "classifier_token"}
    )
    return {f"{prefix}{name}".upper(): str(value) for name, value in values.items()}


def worker_child(index: int, environment: dict[str, str]) -> Child:
    return Child(f"worker-{index}", ("-m", "workers"), environment)


def api_child(settings: Settings, environment: dict[str, str]) -> Child:
    """uvicorn by name: this package never imports the service."""
    command = (
        "-m",
        "uvicorn",
        "service.app:app_from_settings",
        "--factory",
        "--no-access-log",
        "--timeout-graceful-shutdown",
        "3",
    )
    address = ("--host", settings.host, "--port", str(settings.port), "--log-level", settings.log_level.lower())
    return Child("api", (*command, *address), environment)
