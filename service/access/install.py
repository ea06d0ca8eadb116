"""What stands between the network and the routes, in its order."""

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from adapters.settings import Settings
from adapters.store.api_keys import ApiKeys
from service.access.authentication import Authentication
from service.access.headers import DefaultHeaders
from service.access.hosts import AllowedHosts
from service.access.middleware import CallerCheck, SiteCheck
from service.access.origins import AllowedOrigins
from service.access.prefix import Prefix
from service.access.rates import Rates
from service.methods import METHODS

EXPOSED = (
    "ETag", "Location", "Preference-Applied", "RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate",
    "X-Request-Id", "Idempotent-Replayed", "X-Robustify-Job", "X-Robustify-Outcome",
)  # fmt: skip
"""Headers of answers that a page of another origin may read."""


def install_access(app: FastAPI, settings: Settings) -> None:
    """Lets nobody in from here on who may not; what is added last is asked first.

    Raises InvalidInputError where the settings name what is no host or no origin.
    """
    keys, origins = ApiKeys(settings.state.api_keys), AllowedOrigins.of(settings)
    authentication = Authentication(keys, settings.keyless)
    app.add_middleware(CallerCheck, authentication=authentication, rates=Rates(settings.requests_per_minute))
    if origins.origins:
        install_cors(app, origins)
    app.add_middleware(SiteCheck, hosts=AllowedHosts.of(settings), origins=origins)
    if settings.root_path:
        app.add_middleware(Prefix, root_path=settings.root_path)
    app.add_middleware(DefaultHeaders)


def install_cors(app: FastAPI, origins: AllowedOrigins) -> None:
    """Answers browsers that ask whether a page may; SiteCheck has sent away all others, and all other methods."""
    app.add_middleware(
        CORSMiddleware,
        allow_origins=sorted(origin.text for origin in origins.origins),
        allow_methods=METHODS,
        allow_headers=["*"],
        # The operator has named the page: it may reach a service on a private network too.
        allow_private_network=True,
        expose_headers=EXPOSED,
    )
