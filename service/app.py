"""The application: the one place where the parts of the service are put together."""

from importlib.metadata import version

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.profiles.shipped import served_profile
from adapters.queue.board import JobBoard
from adapters.queue.connection import connect
from adapters.settings import Settings
from adapters.store.adaptations import AdaptationStore
from adapters.store.tasks import TaskStore
from adapters.store.tensors import ImageStore
from robustify.errors import QueueUnavailableError
from service.about import docs, health, models
from service.adaptation_cache import AdaptationCache
from service.certificates import routes as certificates
from service.dependencies import Service
from service.errors import install_error_handlers
from service.jobs import plan
from service.jobs import routes as jobs
from service.methods import HeadAsGet
from service.openapi import complete_description
from service.tasks import adapt, references
from service.tasks import routes as tasks

TITLE = "robustify"
SUMMARY = "Certified image classification with labels you name: denoised smoothing."


def create_app(settings: Settings, board: JobBoard, store: ImageStore) -> FastAPI:
    """The HTTP API over a board and a store. Raises InvalidInputError when the settings name an unknown profile."""
    # The framework's own pages load scripts from other hosts.
    app = FastAPI(
        title=TITLE,
        summary=SUMMARY,
        version=version("robustify"),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = Service(
        settings,
        served_profile(settings),
        board,
        store,
        TaskStore(settings.state.tasks),
        AdaptationCache(AdaptationStore(settings.state.adaptations)),
    )
    install_error_handlers(app)
    for routes in (jobs, plan, certificates, adapt, tasks, references, models, health, docs):
        app.include_router(routes.router)
    app.add_middleware(NoSniff)
    app.add_middleware(HeadAsGet)
    complete_description(app, settings)
    return app


def app_from_settings() -> FastAPI:
    """For `uvicorn --factory service.app:app_from_settings`: the environment names the queue and the state folder."""
    settings = Settings()
    if settings.redis_url is None:
        raise QueueUnavailableError("no queue server is named: set ROBUSTIFY_REDIS_URL, or run `robustify up`")
    return create_app(settings, JobBoard(connect(settings.redis_url), settings), ImageStore(settings.state.images))


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
