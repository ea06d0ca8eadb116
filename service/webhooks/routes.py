"""GET /webhooks/secret: what an owner's receivers check signatures with."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from robustify.errors import InvalidInputError
from service.dependencies import ServiceDependency
from service.errors import STORE_UNAVAILABLE, ProblemError, store_failures
from service.openapi import problems
from service.owned.caller import OwningCaller
from service.webhooks.signing import Signer

router = APIRouter(tags=["webhooks"])


class WebhookSecret(BaseModel):
    """Of one owner."""

    secret: str = Field(
        description="For a verifier of Standard Webhooks. It is the caller's own, and stays the same when the key is "
        "rotated.",
        examples=["whsec_3Ydm+9xW0xwzhvC+1JH3kCq0cUqE0M7dJpK0y8X5l2o="],
    )


# It reads a file: FastAPI runs a route that is not async in a thread.
@router.get(
    "/webhooks/secret",
    operation_id="getWebhookSecret",
    summary="What receivers of the caller's webhooks check signatures with",
    responses=problems(401, 503),
)
def webhook_secret(service: ServiceDependency, caller: OwningCaller) -> WebhookSecret:
    """One for each key, whose jobs' webhooks are signed with it, and one for the operator. Where anybody may ask
    without a key, those who do are shown none: each could sign what another believes.
    """
    try:
        with store_failures():
            return WebhookSecret(secret=Signer(service.settings).secret_of(caller.owner))
    except InvalidInputError as error:  # The operator's key is none.
        raise ProblemError(STORE_UNAVAILABLE) from error
