"""The application: the one place where the parts of the service are put together."""

from importlib.metadata import version

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.profiles import find_profile
from adapters.queue.board import JobBoard
from adapters.queue.connection import connect
from adapters.settings import Settings
from adapters.store.files import ImageStore
from robustify.errors import QueueUnavailableError
from service.dependencies import Service, image_folder
from service.errors import install_error_handlers
from service.openapi import add_problem_schema
from service.routes import health, jobs, models

TITLE = "robustify"
SUMMARY = "Certified image classification with labels you name: denoised smoothing."


def create_app(settings: Settings, board: JobBoard, store: ImageStore) -> FastAPI:
    """The HTTP API over a board and a store. Raises InvalidInputError when the settings name an unknown profile."""
    app = FastAPI(title=TITLE, summary=SUMMARY, version=version("robustify"), redoc_url=None, redirect_slashes=False)
    app.state.service = Service(settings, find_profile(settings.profile), board, store)
    install_error_handlers(app)
    for router in (jobs.router, models.router, health.router):
        app.include_router(router)
    app.add_middleware(NoSniff)
    add_problem_schema(app)
    return app


def app_from_settings() -> FastAPI:
    """For `uvicorn --factory service.app:app_from_settings`: the environment names the queue and the state folder."""
    settings = Settings()
    if settings.redis_url is None:
        raise QueueUnavailableError("no queue server is named: set ROBUSTIFY_REDIS_URL, or run `robustify up`")
    return create_app(settings, JobBoard(connect(settings.redis_url), settings), ImageStore(image_folder(settings)))


class NoSniff:
    """Tells browsers to take every response for what its type says."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_header(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Content-Type-Options"] = "nosniff"
            await send(message)

        await self.app(scope, receive, send_with_header)
