"""A running server as the CLI uses it: submit, wait, show progress, return the result."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, JsonValue, SecretStr, ValidationError

from adapters.canonical_json import canonical_bytes
from adapters.contract.keys import PublicKeys
from adapters.contract.plan import Plan
from adapters.contract.records import JobKind, JsonObject
from adapters.contract.results import AdaptResult, CertifyResult, PredictResult
from adapters.profiles.licences import Business
from adapters.settings import Settings
from robustify.errors import InvalidInputError, RobustifyError

WAIT_SECONDS = 30
CANCEL_SECONDS = 10
Progress = Callable[[int, int], None]


class JobLinks(BaseModel):
    self: str
    cancel: str


class JobSteps(BaseModel):
    done: int
    total: int


class Failure(BaseModel):
    detail: str


class FollowedJob(BaseModel):
    """What of a job it takes to follow it."""

    id: str
    status: str
    done: bool
    progress: JobSteps
    result: JsonValue = None
    error: Failure | None = None
    links: JobLinks


class ListedModel(BaseModel):
    """A named set of models, as a server or this installation lists it; a server says more."""

    model_config = ConfigDict(extra="allow")

    name: str
    description: str
    licence: str
    business: Business = Business.UNCLEAR
    side: int
    default_sigma: float
    classes: int | None
    available: bool


class ListedModels(BaseModel):
    models: tuple[ListedModel, ...]


def server_at(url: str, say: Callable[[str], None] = lambda text: None) -> "Server":
    """A server, with the key that the settings have for it."""
    return Server(url, say, Settings().api_key)


class Server:
    """One server by its URL; problems that it answers with are raised with their own text.

    `say` tells people what became of a job that they no longer wait for; `key` is sent with every request.
    """

    def __init__(self, url: str, say: Callable[[str], None] = lambda text: None, key: SecretStr | None = None) -> None:
        self.url = url
        self.say = say
        headers = {} if key is None else {"Authorization": f"Bearer {key.get_secret_value()}"}
        self.client = httpx.Client(base_url=url, timeout=WAIT_SECONDS + 30, headers=headers)

    def predict(self, image: bytes, fields: Mapping[str, object], on_progress: Progress) -> PredictResult:
        """Submits one image file and returns its result once the job is done.

        When the process is told to stop meanwhile (Ctrl-C, SIGTERM), so is the job.
        """
        job = self.submit(JobKind.PREDICT, image_body(image, fields))
        return PredictResult.model_validate(self.follow(job, on_progress), extra="ignore")

    def certify(self, image: bytes, fields: Mapping[str, object], on_progress: Progress) -> CertifyResult:
        """As `predict`."""
        job = self.submit(JobKind.CERTIFY, image_body(image, fields))
        return CertifyResult.model_validate(self.follow(job, on_progress), extra="ignore")

    def adapt(self, fields: Mapping[str, object], on_progress: Progress) -> AdaptResult:
        """Submits an adaptation and returns its result once it is done, likewise."""
        job = self.submit(JobKind.ADAPT, {"json": dict(fields)})
        return AdaptResult.model_validate(self.follow(job, on_progress), extra="ignore")

    def follow(self, job: FollowedJob, on_progress: Progress) -> JsonValue:
        """The result of a job, once it is done."""
        try:
            while not job.done:
                on_progress(job.progress.done, job.progress.total)
                job = self.wait(job)
        except (KeyboardInterrupt, SystemExit):
            self.cancel(job)
            raise
        if job.status != "succeeded":
            raise RobustifyError(job.error.detail if job.error else f"the job was {job.status}")
        return job.result

    def submit(self, kind: JobKind, body: Mapping[str, object]) -> FollowedJob:
        """The job, at once: until its id is known, nobody could cancel it."""
        try:
            return self.job("POST", f"/{kind}", headers={"Prefer": "respond-async"}, **body)
        except (KeyboardInterrupt, SystemExit):
            self.say("interrupted before the server answered: it may have taken the job")
            raise

    def cancel(self, job: FollowedJob) -> None:
        """Cancel the job, for all who asked for the same, and tell people what became of it."""
        try:
            job = self.job("DELETE", job.links.cancel, timeout=CANCEL_SECONDS)
        except RobustifyError as error:
            self.say(f"job {job.id} could not be canceled and may go on: {error}")
        else:
            self.say(fate(job))

    def wait(self, job: FollowedJob) -> FollowedJob:
        return self.job("GET", job.links.self, headers={"Prefer": "wait=0.5"})

    def models(self) -> ListedModels:
        return ListedModels.model_validate(self.request("GET", "/models"))

    def plan(self, fields: Mapping[str, object]) -> Plan:
        return Plan.model_validate(self.request("POST", "/plan", json=dict(fields)))

    def public_keys(self) -> PublicKeys:
        """What it signs certificates with, and what proves their noise."""
        try:
            return PublicKeys.model_validate_json(canonical_bytes(self.request("GET", "/certificates/key")))
        except ValidationError as error:
            raise RobustifyError(f"the server {self.url} has keys of another release") from error

    def job(self, method: str, path: str, **options: Any) -> FollowedJob:
        """Any: the keywords are httpx's own."""
        answered = self.request(method, path, **options)
        if "done" not in answered:
            raise RobustifyError(f"the server {self.url} is not a robustify server")
        return FollowedJob.model_validate(answered)

    def request(self, method: str, path: str, **options: Any) -> JsonObject:
        """Any: the keywords are httpx's own."""
        try:
            return document(self.client.request(method, path, **options))
        except httpx.UnsupportedProtocol as error:
            raise InvalidInputError(f"{self.url} is no address of a server: begin it with http://", "server") from error
        except httpx.TransportError as error:
            raise RobustifyError(f"the server {self.url} cannot be reached: is it running?") from error

    def ready_workers(self) -> int:
        """How many can answer; 0 while the service is not ready."""
        try:
            answer = self.client.get("/readyz")
        except httpx.TransportError:
            return 0
        return int(answer.json()["workers"]) if answer.status_code == httpx.codes.OK else 0


def fate(job: FollowedJob) -> str:
    """What became of a job that was to be canceled."""
    canceled = job.status == "canceled"
    return f"job {job.id} is canceled" if canceled else f"job {job.id} was not canceled: it is {job.status}"


def image_body(image: bytes, fields: Mapping[str, object]) -> dict[str, object]:
    """The parts of a request that asks about an image."""
    return {"files": {"image": ("image", image)}, "data": form_of(fields)}


def form_of(fields: Mapping[str, object]) -> dict[str, str | list[str]]:
    """Form fields of what was given; a sequence becomes a repeated field."""
    form: dict[str, str | list[str]] = {}
    for name, value in fields.items():
        if isinstance(value, str):
            form[name] = value
        elif isinstance(value, Sequence):
            form[name] = [str(item) for item in value]
        elif value is not None:
            form[name] = str(value)
    return form


def document(response: httpx.Response) -> JsonObject:
    """The JSON body; a problem document becomes an error, of the client's input where the status says so."""
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise RobustifyError(f"{response.url.copy_with(path='/')} is not a robustify server")
    if response.is_success:
        return body
    text = body.get("detail") or body.get("title") or f"the server answered {response.status_code}"
    raise InvalidInputError(text) if response.is_client_error else RobustifyError(text)
