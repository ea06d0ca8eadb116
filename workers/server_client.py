"""A running server as the CLI uses it: submit, wait, show progress, return the result document."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from robustify.errors import InvalidInputError, RobustifyError

WAIT_SECONDS = 30
CANCEL_SECONDS = 10
Progress = Callable[[int, int], None]


class Server:
    """One server by its URL; problems that it answers with are raised with their own text.

    `say` tells people what became of a job that they no longer wait for.
    """

    def __init__(self, url: str, say: Callable[[str], None] = lambda text: None) -> None:
        self.url = url
        self.say = say
        self.client = httpx.Client(base_url=url, timeout=WAIT_SECONDS + 30)

    def answer(self, kind: str, image: Path, fields: Mapping[str, object], on_progress: Progress) -> dict[str, Any]:
        """Submit one image file (kind: predict or certify) and return its result once the job is done."""
        return self.answer_bytes(kind, image.read_bytes(), fields, on_progress)

    def answer_bytes(
        self, kind: str, image: bytes, fields: Mapping[str, object], on_progress: Progress
    ) -> dict[str, Any]:
        """As `answer`. When the process is told to stop meanwhile (Ctrl-C, SIGTERM), so is the job."""
        return self.follow(
            self.submit(kind, {"files": {"image": ("image", image)}, "data": form_of(fields)}), on_progress
        )

    def adapt(self, fields: Mapping[str, object], on_progress: Progress) -> dict[str, Any]:
        """Submit an adaptation and return its result once it is done, likewise."""
        return self.follow(self.submit("adapt", {"json": dict(fields)}), on_progress)

    def follow(self, job: dict[str, Any], on_progress: Progress) -> dict[str, Any]:
        """The result of a job, once it is done."""
        try:
            while not job["done"]:
                on_progress(job["progress"]["done"], job["progress"]["total"])
                job = self.wait(job)
        except (KeyboardInterrupt, SystemExit):
            self.cancel(job)
            raise
        if job["status"] != "succeeded":
            problem = job["error"] or {"detail": f"the job was {job['status']}"}
            raise RobustifyError(problem["detail"])
        result: dict[str, Any] = job["result"]
        return result

    def submit(self, kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The job, at once: until its id is known, nobody could cancel it."""
        try:
            job = self.request("POST", f"/{kind}", headers={"Prefer": "respond-async"}, **body)
        except (KeyboardInterrupt, SystemExit):
            self.say("interrupted before the server answered: it may have taken the job")
            raise
        if "done" not in job:
            raise RobustifyError(f"the server {self.url} is not a robustify server")
        return job

    def cancel(self, job: Mapping[str, Any]) -> None:
        """Cancel the job, for all who asked for the same, and tell people what became of it."""
        try:
            job = self.request("DELETE", job["links"]["cancel"], timeout=CANCEL_SECONDS)
        except RobustifyError as error:
            self.say(f"job {job['id']} could not be canceled and may go on: {error}")
        else:
            self.say(fate(job))

    def wait(self, job: Mapping[str, Any]) -> dict[str, Any]:
        return self.request("GET", job["links"]["self"], headers={"Prefer": "wait=0.5"})

    def tasks(self) -> dict[str, Any]:
        return self.request("GET", "/tasks")

    def models(self) -> dict[str, Any]:
        return self.request("GET", "/models")

    def plan(self, fields: Mapping[str, object]) -> dict[str, Any]:
        return self.request("POST", "/plan", json=dict(fields))

    def request(self, method: str, path: str, **options: Any) -> dict[str, Any]:
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


def fate(job: Mapping[str, Any]) -> str:
    """What became of a job that was to be canceled."""
    canceled = job["status"] == "canceled"
    return f"job {job['id']} is canceled" if canceled else f"job {job['id']} was not canceled: it is {job['status']}"


def image_body(image: bytes, fields: Mapping[str, object]) -> dict[str, Any]:
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


def document(response: httpx.Response) -> dict[str, Any]:
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
