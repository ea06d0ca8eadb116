"""A running server as the command line uses it: the Python client, with the records and the errors of this project."""

import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue, SecretStr, ValidationError

from adapters.contract.keys import PublicKeys
from adapters.contract.plan import Plan
from adapters.contract.records import JobKind, VoteKind
from adapters.contract.results import CERTIFIED, AdaptResult, AnyCertifyResult, CertifyResult, PredictResult
from adapters.profiles.licences import Business
from adapters.settings import Settings
from robustify.errors import InvalidInputError, RobustifyError
from robustify_client import (
    Client,
    InsecureKeyWarning,
    Job,
    ProblemError,
    Retries,
    RobustifyClientError,
    UsageError,
)

CANCEL_SECONDS = 10
# Whoever waits for a command wants to know at once that there is no server; one that is busy, or loses a connection, is
# asked again.
RETRIES = Retries(seconds=60.0, where_nobody_listens=False)
Progress = Callable[[int, int], None]
AnyJob = Job[Any]
"""Any: its result is checked by our records."""


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
        with in_our_words(), warnings.catch_warnings():
            # Where a command sends a key is what its operator has set.
            warnings.simplefilter("ignore", InsecureKeyWarning)
            self.client = Client(url, None if key is None else key.get_secret_value(), retries=RETRIES)

    def close(self) -> None:
        """Its connections; nothing can be asked afterwards."""
        self.client.close()

    def predict(self, image: bytes, fields: Mapping[str, object], on_progress: Progress) -> PredictResult:
        """Submits one image file and returns its result once the job is done.

        When the process is told to stop meanwhile (Ctrl-C, SIGTERM), so is the job.
        """
        job = self.submit(JobKind.PREDICT, image, fields)
        return PredictResult.model_validate(self.follow(job, on_progress), extra="ignore")

    def certify(self, image: bytes, fields: Mapping[str, object], on_progress: Progress) -> CertifyResult:
        """As `predict`."""
        job = self.submit(JobKind.CERTIFY, image, fields)
        return CertifyResult.model_validate(self.follow(job, on_progress), extra="ignore")

    def certify_together(self, image: bytes, fields: Mapping[str, object], on_progress: Progress) -> AnyCertifyResult:
        """As `predict`, with `label_sets` or `sigmas` among the fields."""
        job = self.submit(JobKind.CERTIFY, image, fields)
        return CERTIFIED.validate_python(self.follow(job, on_progress), extra="ignore")

    def adapt(self, fields: Mapping[str, object], on_progress: Progress) -> AdaptResult:
        """Submits an adaptation and returns its result once it is done, likewise."""
        with self.taking():
            job = self.client.adapt(wait=False, **options({"labels": (), **fields}))
        return AdaptResult.model_validate(self.follow(job, on_progress), extra="ignore")

    def submit(self, kind: VoteKind, image: bytes, fields: Mapping[str, object]) -> AnyJob:
        """The job, at once: until its id is known, nobody could cancel it."""
        with self.taking():
            ask = self.client.predict if kind is JobKind.PREDICT else self.client.certify
            return ask(image, wait=False, **options(fields))

    def answer(self, kind: VoteKind, image: bytes, fields: Mapping[str, object]) -> JsonValue:
        """The result of a job that nobody cancels, mostly with the first request."""
        with in_our_words():
            ask = self.client.predict if kind is JobKind.PREDICT else self.client.certify
            return json_of(ask(image, **options(fields)))

    def follow(self, job: AnyJob, on_progress: Progress) -> JsonValue:
        """The result of a job, once it is done."""
        try:
            with in_our_words():
                job.wait(on_progress=on_progress)
        except (KeyboardInterrupt, SystemExit):
            self.cancel(job)
            raise
        return job.record.result

    def cancel(self, job: AnyJob) -> None:
        """Cancel the job, for this caller, and tell people what became of it."""
        try:
            with in_our_words():
                job.cancel(timeout=CANCEL_SECONDS)
        except RobustifyError as error:
            self.say(f"job {job.id} could not be canceled and may go on: {error}")
        else:
            self.say(fate(job))

    @contextmanager
    def taking(self) -> Iterator[None]:
        """Tells people that an interrupted request may have been taken."""
        try:
            with in_our_words():
                yield
        except (KeyboardInterrupt, SystemExit):
            self.say("interrupted before the server answered: it may have taken the job")
            raise

    def models(self) -> ListedModels:
        return ListedModels.model_validate(self.document("/models"))

    def plan(self, fields: Mapping[str, object]) -> Plan:
        with in_our_words():
            return Plan.model_validate(json_of(self.client.plan(**options(fields))))

    def public_keys(self) -> PublicKeys:
        """What it signs certificates with, and what proves their noise."""
        try:
            return PublicKeys.model_validate_json(json.dumps(self.document("/certificates/key")))
        except ValidationError as error:
            raise RobustifyError(f"the server {self.url} has keys of another release") from error

    def document(self, path: str) -> JsonValue:
        """What it answers at a path."""
        with in_our_words():
            found: JsonValue = json.loads(self.client.fetch(path))
        return found

    def ready_workers(self) -> int:
        """How many can answer; 0 while the service is not ready."""
        try:
            return self.client.ready().workers
        except RobustifyClientError:
            return 0


def fate(job: AnyJob) -> str:
    """What became of a job that was to be canceled."""
    canceled = job.status == "canceled"
    return f"job {job.id} is canceled" if canceled else f"job {job.id} was not canceled: it is {job.status}"


def options(fields: Mapping[str, object]) -> Any:
    """Any: which fields there are is known when the command runs, and looked at by the server."""
    return dict(fields)


def json_of(record: BaseModel) -> JsonValue:
    """What the server wrote, also the fields that the client does not know."""
    found: JsonValue = record.model_dump(mode="json")
    return found


@contextmanager
def in_our_words() -> Iterator[None]:
    """The errors of the client as those of this project: of the input where the server or the client says so."""
    try:
        yield
    except UsageError as error:
        raise InvalidInputError(str(error), error.field) from error
    except ProblemError as error:
        raise (InvalidInputError(str(error)) if error.status < 500 else RobustifyError(str(error))) from error
    except RobustifyClientError as error:
        raise RobustifyError(str(error)) from error
