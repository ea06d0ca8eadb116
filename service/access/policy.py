"""What each route asks for: the one list of public routes, and the scopes of all others.

A route that is in neither is closed to everybody but ADMIN, so that a new one has to be thought of here first.
"""

from collections.abc import Mapping
from types import MappingProxyType

from adapters.contract.access import Scope

Operation = tuple[str, str]
"""A method, and the path of a route with the names of its parameters."""

PROBES: frozenset[Operation] = frozenset({("GET", "/healthz"), ("GET", "/readyz")})
"""Asked each second by what watches the service: public, and in nobody's rate."""
FILES: frozenset[Operation] = frozenset(
    {
        # The page and its files are the same in every installation of this release; it asks its user for a key.
        ("GET", "/"),
        ("GET", "/page/{path:path}"),
        # A browser could send no key for a page: Swagger UI asks with the key that its user gives it.
        ("GET", "/docs"),
        ("GET", "/docs/{name}"),
    }
)
"""Public, and cheap: a page has many of them, so they have a rate of their own and are not counted with requests."""
PUBLIC: frozenset[Operation] = (
    PROBES
    | FILES
    | {
        ("POST", "/certificates/verify"),
        ("GET", "/certificates/key"),
        # The description says what any installation of this release can do, and nothing of anybody's data.
        ("GET", "/openapi.json"),
        ("GET", "/examples"),
    }
)

ASKING = frozenset({Scope.PREDICT, Scope.CERTIFY, Scope.ADAPT})
READING = ASKING | {Scope.READ}
"""Who may ask may see what became of it: a job is shown to its owner only."""

SCOPES: Mapping[Operation, frozenset[Scope]] = MappingProxyType(
    {
        ("POST", "/predict"): frozenset({Scope.PREDICT}),
        ("POST", "/certify"): frozenset({Scope.CERTIFY}),
        ("POST", "/preview"): frozenset({Scope.PREDICT}),
        ("POST", "/adapt"): frozenset({Scope.ADAPT}),
        # What a batch asks for, of the two, its route looks at.
        ("POST", "/batches"): frozenset({Scope.PREDICT, Scope.CERTIFY}),
        ("GET", "/batches"): READING,
        ("GET", "/batches/{batch_id}"): READING,
        ("GET", "/batches/{batch_id}/results"): READING,
        ("DELETE", "/batches/{batch_id}"): ASKING,
        ("POST", "/compat/huggingface/zero-shot-image-classification"): frozenset({Scope.PREDICT}),
        ("GET", "/webhooks/secret"): ASKING,
        ("POST", "/plan"): READING,
        ("GET", "/jobs"): READING,
        ("GET", "/jobs/{job_id}"): READING,
        ("GET", "/jobs/{job_id}/events"): READING,
        ("GET", "/jobs/{job_id}/pictures/{picture}"): READING,
        ("GET", "/jobs/{job_id}/certificate"): READING,
        ("GET", "/jobs/{job_id}/certificate.json"): READING,
        ("DELETE", "/jobs/{job_id}"): ASKING,
        ("DELETE", "/jobs/{job_id}/data"): ASKING,
        ("DELETE", "/images/{sha256}"): ASKING,
        ("GET", "/usage"): READING,
        ("GET", "/tasks"): frozenset({Scope.READ}),
        ("GET", "/tasks/{name}"): frozenset({Scope.READ}),
        ("GET", "/tasks/{name}/versions"): frozenset({Scope.READ}),
        ("GET", "/tasks/{name}/references"): frozenset({Scope.READ}),
        ("GET", "/tasks/{name}/references/{file}"): frozenset({Scope.READ}),
        ("GET", "/tasks/{name}/references.png"): frozenset({Scope.READ}),
        ("GET", "/tasks/{name}/denoised.png"): frozenset({Scope.READ}),
        ("GET", "/tasks/{name}/report"): frozenset({Scope.READ}),
        ("PUT", "/tasks/{name}/current"): frozenset({Scope.ADAPT}),
        ("DELETE", "/tasks/{name}"): frozenset({Scope.ADAPT}),
        ("GET", "/ledger"): frozenset({Scope.READ}),
        ("GET", "/models"): READING,
        ("GET", "/metrics"): frozenset({Scope.ADMIN}),
    }
)
"""Any one of these scopes opens the route."""


def scopes_of(operation: Operation) -> frozenset[Scope]:
    """Any one of these opens a route that is not public; ADMIN alone where nobody thought of it."""
    return SCOPES.get(operation, frozenset({Scope.ADMIN}))
