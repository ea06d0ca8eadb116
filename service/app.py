"""The application: the one place where the parts of the service are put together."""

from importlib.metadata import version

from fastapi import FastAPI

from adapters.contract.webhook import Receivers
from adapters.profiles.library import served_profiles
from adapters.queue.board import JobBoard
from adapters.queue.changes import Changes
from adapters.queue.connection import connect
from adapters.settings import Settings
from adapters.store.api_keys import check_listening
from adapters.store.places import places_of
from adapters.store.tensors import ImageStore
from adapters.traces.choose import traces_of
from adapters.traces.spans import NO_TRACES, Traces
from robustify.errors import QueueUnavailableError
from service.about import docs, health, models
from service.access.install import install_access
from service.adaptation_cache import AdaptationCache
from service.batches import routes as batches
from service.batches.description import describe_batches
from service.certificates import routes as certificates
from service.dependencies import Service
from service.errors import install_error_handlers
from service.janitor import Janitor
from service.jobs import plan
from service.jobs import routes as jobs
from service.lifespan import running
from service.methods import HeadAsGet
from service.openapi import complete_description
from service.owned import forgetting, listing, usage
from service.page import examples
from service.page import routes as page
from service.previews import routes as previews
from service.shapes import huggingface
from service.shapes.huggingface import describe_labels
from service.stopping import CutOff, Stopping
from service.tasks import adapt, references
from service.tasks import routes as tasks
from service.watching import routes as watching
from service.watching.install import install_watching, telemetry_of
from service.webhooks import routes as webhooks
from service.webhooks.delivering import Deliveries

ROUTES = (
    batches, huggingface, webhooks,
    jobs, previews, listing, forgetting, plan, certificates, adapt, tasks, references, models, usage, health, docs,
    watching, page, examples,
)  # fmt: skip
TITLE = "robustify"
SUMMARY = "Certified image classification with labels you name: denoised smoothing."


def create_app(settings: Settings, board: JobBoard, store: ImageStore, traces: Traces = NO_TRACES) -> FastAPI:
    """The HTTP API over a board and a store. Raises InvalidInputError when the settings name an unknown profile."""
    # The framework's own pages load scripts from other hosts.
    app = FastAPI(
        title=TITLE,
        summary=SUMMARY,
        version=version("robustify"),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=running,
        telemetry=telemetry_of(traces),
    )
    changes, receivers = Changes(settings.redis_url), Receivers.of(settings)
    app.state.background = [
        changes.run,
        Janitor(settings, board, store).run,
        Deliveries(settings, board, receivers).run,
    ]
    profile, *further = served_profiles(settings)
    app.state.service = Service(
        settings,
        profile,
        board,
        store,
        AdaptationCache(places_of(settings).adaptations),
        changes,
        receivers,
        traces=traces,
        further_profiles=tuple(further),
    )
    app.state.stopping = Stopping()
    install_error_handlers(app)
    for routes in ROUTES:
        app.include_router(routes.router)
    app.add_middleware(HeadAsGet)
    install_access(app, settings)
    app.add_middleware(CutOff, stopping=app.state.stopping)
    install_watching(app, app.state.service)
    complete_description(app, settings, describe_batches, describe_labels)
    return app


def app_of(settings: Settings) -> FastAPI:
    """The HTTP API over what the settings name. Raises RobustifyError where it may not be shown to others, or cannot be
    put together.
    """
    check_listening(settings)
    if settings.redis_url is None:
        raise QueueUnavailableError("no queue server is named: set ROBUSTIFY_REDIS_URL, or run `robustify up`")
    board, store = JobBoard(connect(settings.redis_url), settings), places_of(settings).images
    return create_app(settings, board, store, traces_of("robustify-api"))
