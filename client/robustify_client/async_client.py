"""The service on an event loop (asyncio): the twin of `client.py`, method for method."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable, Sequence
from types import TracebackType
from typing import Literal, TypeVar, overload

from typing_extensions import Unpack

from robustify_client import asking, coroutines
from robustify_client.address import DEFAULT_URL, address_of
from robustify_client.async_connection import AsyncConnection
from robustify_client.async_handles import AsyncBatch, AsyncJob
from robustify_client.evaluating import (
    RADII,
    Evaluation,
    Labelled,
    LabelledImage,
    OneSet,
    evaluation_of,
    labelled_images,
    row_of,
)
from robustify_client.fields import AdaptFields, CertifyFields, PlanFields, PredictFields, PreviewFields, VoteFields
from robustify_client.flows import Flow, bytes_of, done, fetched, submitted, taken
from robustify_client.heard import A
from robustify_client.images import ImageLike
from robustify_client.mapping import MapItem, ShowProgress, checked_concurrency, checked_images, shown
from robustify_client.message import Request
from robustify_client.reading import R
from robustify_client.records import (
    AdaptResult,
    AnyCertifyResult,
    AnyResult,
    BatchPage,
    BatchRecord,
    CertifyResult,
    CertifySetsResult,
    CertifySigmasResult,
    JobPage,
    JobSummary,
    Model,
    Models,
    Plan,
    PredictResult,
    PreviewResult,
    PublicKeys,
    Readiness,
    Task,
    Tasks,
    TaskVersion,
    TaskVersions,
    Usage,
    Verification,
)
from robustify_client.retries import NO_RETRIES, Retries
from robustify_client.verifying import CertificateLike, verify

T = TypeVar("T")
Labels = Sequence[str]
LabelSets = Sequence[Sequence[str]]
OneKind = Literal["predict", "certify"]
DEFAULT_RETRIES = Retries()


class AsyncClient:
    """A service at an address; `await close()` it, or use it in an `async with` block.

    `key`: by default that of the environment variable `ROBUSTIFY_API_KEY`. `timeout`: seconds that one answer may take,
    beyond what the service is asked to wait for a job. `verify`: a context of TLS, for authorities of your own.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        key: str | None = None,
        *,
        retries: Retries = DEFAULT_RETRIES,
        timeout: float = 30.0,
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        self._connection = AsyncConnection(address_of(url, key), timeout, retries, verify)

    def __repr__(self) -> str:
        return f"<AsyncClient of {self.url}>"

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends its connections."""
        await self._connection.close()

    @property
    def url(self) -> str:
        return self._connection.address.url

    @overload
    async def predict(
        self,
        image: ImageLike,
        labels: Labels | None = None,
        *,
        wait: Literal[True] = True,
        timeout: float | None = None,
        **fields: Unpack[PredictFields],
    ) -> PredictResult: ...
    @overload
    async def predict(
        self, image: ImageLike, labels: Labels | None = None, *, wait: Literal[False], **fields: Unpack[PredictFields]
    ) -> AsyncJob[PredictResult]: ...
    async def predict(
        self,
        image: ImageLike,
        labels: Labels | None = None,
        *,
        wait: bool = True,
        timeout: float | None = None,
        **fields: Unpack[PredictFields],
    ) -> PredictResult | AsyncJob[PredictResult]:
        """Which of the labels, or of a `task`'s, is it? With `wait=False` the job, at once.

        StillRunning after `timeout` seconds; the job goes on then.
        """
        job: AsyncJob[PredictResult] = await self._vote(
            "predict", image, asking.labelled(labels, fields), wait, timeout
        )
        return await job.wait(timeout) if wait else job

    @overload
    async def certify(
        self,
        image: ImageLike,
        labels: Labels | None = None,
        *,
        target_radius: float | None = None,
        wait: Literal[True] = True,
        timeout: float | None = None,
        **fields: Unpack[CertifyFields],
    ) -> CertifyResult: ...
    @overload
    async def certify(
        self,
        image: ImageLike,
        labels: Labels | None = None,
        *,
        wait: Literal[False],
        target_radius: float | None = None,
        **fields: Unpack[CertifyFields],
    ) -> AsyncJob[CertifyResult]: ...
    @overload
    async def certify(
        self,
        image: ImageLike,
        *,
        label_sets: LabelSets,
        wait: Literal[True] = True,
        timeout: float | None = None,
        **fields: Unpack[CertifyFields],
    ) -> CertifySetsResult: ...
    @overload
    async def certify(
        self, image: ImageLike, *, label_sets: LabelSets, wait: Literal[False], **fields: Unpack[CertifyFields]
    ) -> AsyncJob[CertifySetsResult]: ...
    @overload
    async def certify(
        self,
        image: ImageLike,
        labels: Labels | None = None,
        *,
        sigmas: Sequence[float],
        wait: Literal[True] = True,
        timeout: float | None = None,
        **fields: Unpack[CertifyFields],
    ) -> CertifySigmasResult: ...
    @overload
    async def certify(
        self,
        image: ImageLike,
        labels: Labels | None = None,
        *,
        sigmas: Sequence[float],
        wait: Literal[False],
        **fields: Unpack[CertifyFields],
    ) -> AsyncJob[CertifySigmasResult]: ...
    async def certify(
        self,
        image: ImageLike,
        labels: Labels | None = None,
        *,
        label_sets: LabelSets | None = None,
        sigmas: Sequence[float] | None = None,
        target_radius: float | None = None,
        wait: bool = True,
        timeout: float | None = None,
        **fields: Unpack[CertifyFields],
    ) -> AnyCertifyResult | AsyncJob[CertifyResult] | AsyncJob[CertifySetsResult] | AsyncJob[CertifySigmasResult]:
        """Which is it, and within which L2 radius does that not change?

        Of several label sets there is an answer for each; of several sigmas, that of the one with the largest radius.
        With `wait=False` the job, at once. StillRunning after `timeout` seconds; the job goes on then.
        """
        more = {"label_sets": label_sets, "sigmas": sigmas, "target_radius": target_radius}
        asked = {**asking.labelled(labels, fields), **more}
        job: AsyncJob[CertifyResult] = await self._vote("certify", image, asked, wait, timeout)
        return await job.wait(timeout) if wait else job

    @overload
    async def preview(
        self,
        image: ImageLike,
        labels: Labels | None = None,
        *,
        wait: Literal[True] = True,
        timeout: float | None = None,
        **fields: Unpack[PreviewFields],
    ) -> PreviewResult: ...
    @overload
    async def preview(
        self, image: ImageLike, labels: Labels | None = None, *, wait: Literal[False], **fields: Unpack[PreviewFields]
    ) -> AsyncJob[PreviewResult]: ...
    async def preview(
        self,
        image: ImageLike,
        labels: Labels | None = None,
        *,
        wait: bool = True,
        timeout: float | None = None,
        **fields: Unpack[PreviewFields],
    ) -> PreviewResult | AsyncJob[PreviewResult]:
        """What do the models see of it? One noisy copy, denoised: no answer, and counted nowhere.

        With `radius` and `direction` the image is changed by exactly that much as well. With `wait=False` the job,
        whose `picture(name)` is the file of each picture.
        """
        job: AsyncJob[PreviewResult] = await self._vote(
            "preview", image, asking.labelled(labels, fields), wait, timeout
        )
        return await job.wait(timeout) if wait else job

    @overload
    async def adapt(
        self,
        name: str,
        labels: Labels,
        *,
        wait: Literal[True] = True,
        timeout: float | None = None,
        **fields: Unpack[AdaptFields],
    ) -> AdaptResult: ...
    @overload
    async def adapt(
        self, name: str, labels: Labels, *, wait: Literal[False], **fields: Unpack[AdaptFields]
    ) -> AsyncJob[AdaptResult]: ...
    async def adapt(
        self,
        name: str,
        labels: Labels,
        *,
        wait: bool = True,
        timeout: float | None = None,
        **fields: Unpack[AdaptFields],
    ) -> AdaptResult | AsyncJob[AdaptResult]:
        """Adapt the models to labels, and keep that as a task of this name; `steps=0` keeps the labels alone."""
        request = asking.adapt_request({"name": name, "labels": labels, **fields}, asking.first_wait(wait, timeout))
        job: AsyncJob[AdaptResult] = AsyncJob(self._connection, await self._run(submitted(request, self._retries)))
        return await job.wait(timeout) if wait else job

    async def plan(self, target_radius: float, **fields: Unpack[PlanFields]) -> Plan:
        """What would this radius cost, in samples and seconds?"""
        return await self._fetch(Plan, asking.plan_request({"target_radius": target_radius, **fields}))

    async def verify(
        self, certificate: CertificateLike, image: ImageLike | None = None, keys: PublicKeys | None = None
    ) -> Verification:
        """The checks of a certificate, made here; `keys` are by default those that this service has now."""
        return await asyncio.to_thread(verify, certificate, image, keys or await self.keys())

    async def job(self, job_id: str) -> AsyncJob[AnyResult]:
        """A job by its id."""
        return AsyncJob(self._connection, await self._run(submitted(asking.get_job(job_id), self._retries)))

    async def jobs(self, kind: str | None = None, status: str | None = None) -> AsyncIterator[JobSummary]:
        """The jobs of this key, the latest first; asked for page by page."""
        after: str | None = None
        while True:
            page = await self._fetch(JobPage, asking.get(asking.JOBS, kind=kind, status=status, after=after))
            for job in page.data:
                yield job
            if not page.has_more or page.last_id in (None, after):
                return
            after = page.last_id

    async def batch(
        self,
        images: Iterable[ImageLike],
        labels: Labels | None = None,
        *,
        kind: OneKind = "predict",
        **fields: Unpack[VoteFields],
    ) -> AsyncBatch:
        """The same asked of up to 200 images in one request, which is followed as one thing."""
        labelled = asking.labelled(labels, fields)
        request = await asyncio.to_thread(asking.batch_request, kind, checked_images(images), labelled)
        return AsyncBatch(self._connection, await self._run(taken(request, self._retries)))

    async def batches(self) -> tuple[BatchRecord, ...]:
        """The latest batches of this key."""
        return (await self._fetch(BatchPage, asking.get(asking.BATCHES))).data

    async def tasks(self) -> tuple[Task, ...]:
        """The tasks of this key, by name."""
        return (await self._fetch(Tasks, asking.get(asking.TASKS))).tasks

    async def task(self, name: str) -> Task:
        """A task by its name or its id."""
        return await self._fetch(Task, asking.get(asking.TASKS, name))

    async def task_versions(self, name: str) -> tuple[TaskVersion, ...]:
        """The versions of a task, the first one first."""
        return (await self._fetch(TaskVersions, asking.get(asking.TASKS, name, "versions"))).versions

    async def use_version(self, name: str, version: int) -> Task:
        """Let another version of a task answer."""
        return await self._fetch(Task, asking.put_version(name, version))

    async def delete_task(self, name: str) -> None:
        """Delete a task with all of its versions."""
        await self._run(done(asking.delete(asking.TASKS, name), self._retries))

    async def forget_image(self, sha256: str) -> None:
        """Remove an image, which `result.input.sha256` names, with all that was answered about it."""
        await self._run(done(asking.delete("images", sha256), self._retries))

    async def models(self) -> tuple[Model, ...]:
        """The sets of models, the served ones first."""
        return (await self._fetch(Models, asking.get("models"))).models

    async def usage(self, days: int | None = None) -> Usage:
        """What this key is, may, and has used."""
        return await self._fetch(Usage, asking.get("usage", days=days))

    async def keys(self) -> PublicKeys:
        """What its certificates are checked with: take them once, and keep them."""
        return await self._fetch(PublicKeys, asking.get("certificates", "key"))

    async def ready(self, profile: str | None = None) -> Readiness:
        """What can answer now; Unavailable at once where nothing can."""
        return await self._run(fetched(Readiness, asking.get("readyz", profile=profile), NO_RETRIES))

    @overload
    def map(
        self,
        images: Iterable[ImageLike],
        labels: Labels | None = None,
        *,
        kind: Literal["predict"] = "predict",
        concurrency: int = 4,
        progress: ShowProgress = False,
        **fields: Unpack[VoteFields],
    ) -> AsyncIterator[MapItem[ImageLike, PredictResult]]: ...
    @overload
    def map(
        self,
        images: Iterable[ImageLike],
        labels: Labels | None = None,
        *,
        kind: Literal["certify"],
        concurrency: int = 4,
        progress: ShowProgress = False,
        **fields: Unpack[VoteFields],
    ) -> AsyncIterator[MapItem[ImageLike, CertifyResult]]: ...
    def map(
        self,
        images: Iterable[ImageLike],
        labels: Labels | None = None,
        *,
        kind: OneKind = "predict",
        concurrency: int = 4,
        progress: ShowProgress = False,
        **fields: Unpack[VoteFields],
    ) -> AsyncIterator[MapItem[ImageLike, PredictResult]] | AsyncIterator[MapItem[ImageLike, CertifyResult]]:
        """The same of any number of images, in their order, `concurrency` of them at once.

        An image that fails is an item with an `error`. The run ends where the key is refused, or where nobody answers
        any more. `progress`: a bar, or what is told how many are done, and of how many if that is known.
        """
        asked, at_once = asking.labelled(labels, fields), checked_concurrency(concurrency)
        on_item, close = shown(progress, checked_images(images))

        async def ask(image: ImageLike) -> PredictResult:
            job: AsyncJob[PredictResult] = await self._vote(kind, image, asked, True, None)
            return await job.wait()

        return coroutines.mapped(ask, images, at_once, on_item, close)

    async def evaluate(
        self,
        data: Labelled,
        labels: Labels | None = None,
        *,
        kind: OneKind = "predict",
        concurrency: int = 4,
        progress: ShowProgress = False,
        radii: Sequence[float] = RADII,
        **fields: Unpack[VoteFields],
    ) -> Evaluation:
        """How well it does on a folder with a folder of pictures for each label, or on pairs of an image and its label.

        Labels are by default the names of the folders; for pairs give them, or a `task`.
        """
        pairs, named = labelled_images(data, labels if "task" not in fields else ())
        asked, at_once = asking.labelled(named or None, fields), checked_concurrency(concurrency)
        on_item, close = shown(progress, pairs)

        async def ask(pair: LabelledImage) -> OneSet:
            job: AsyncJob[OneSet] = await self._vote(kind, pair[0], asked, True, None)
            return await job.wait()

        rows = [row_of(item) async for item in coroutines.mapped(ask, pairs, at_once, on_item, close)]
        return evaluation_of(kind, rows, radii)

    async def fetch(self, path: str) -> bytes:
        """Any other page of the service, such as `/ledger`, as it answers it."""
        return await self._run(bytes_of(asking.page(path), self._retries))

    async def _vote(
        self, kind: str, image: ImageLike, fields: asking.Fields, wait: bool, timeout: float | None
    ) -> AsyncJob[A]:
        # Files are read and arrays become PNG in another thread: the loop goes on.
        first = asking.first_wait(wait, timeout)
        request = await asyncio.to_thread(asking.vote_request, kind, image, fields, first)
        return AsyncJob(self._connection, await self._run(submitted(request, self._retries)))

    async def _fetch(self, model: type[R], request: Request) -> R:
        return await self._run(fetched(model, request, self._retries))

    async def _run(self, flow: Flow[T]) -> T:
        return await self._connection.run(flow)

    @property
    def _retries(self) -> Retries:
        return self._connection.retries
