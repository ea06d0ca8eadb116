"""A preview, as a worker makes it: what the models see of an image, and of a change of it.

It is no answer. Its noise has a seed that anybody may know and a phase of its own, so that it is never the noise of a
question; it counts no votes, and tells nothing of those that are counted.
"""

import io
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import structlog
import torch
from PIL import Image

from adapters.contract.answer import answered_image, answering_model
from adapters.contract.jobs import JobRecord, PreviewRequest
from adapters.contract.preview import SAMPLES_OF_A_COPY, SAMPLES_OF_A_STEP, steps_of
from adapters.contract.records import Direction
from adapters.contract.results import Change, Picture, PictureName, PreviewResult, Seen
from adapters.models.gradients import has_gradients
from adapters.models.memory import forget_locals, give_back_memory
from adapters.queue.board import JobBoard
from adapters.store.places import places_of
from adapters.store.tensors import ImageStore
from robustify.attacks.changes import random_change, worst_change
from robustify.attacks.noise import AttackNoise
from robustify.attacks.objective import Objective
from robustify.errors import InvalidInputError, QueueUnavailableError
from robustify.pipeline import DenoiseAndClassify
from robustify.smoothing.noise import SeededNoise
from robustify.smoothing.samples import GaussianSamples
from robustify.smoothing.seeds import public_seed
from robustify.smoothing.votes import NO_VOTE, votes_of_rows
from robustify.types import Phase
from workers.counting import LoadedModel
from workers.heartbeat import Heartbeat, Holding
from workers.stop import NotWantedError, StopFlag

PURPOSE = b"robustify preview"
STAGE = "preview"
GREY = 127.5
"""Of a picture of differences, where nothing is changed; as far from either end of its range."""
NO_GRADIENTS = "the classifier has no gradients that an attack could follow: ask for direction random"
NO_LABEL = "the models give no finite answer for this noisy copy, so that there is no label to attack: try another draw"

log = structlog.get_logger()

BeforeStep = Callable[[int], None]
"""Called with the samples done between two computations; what it raises ends the preview."""


@dataclass(frozen=True)
class Preview:
    """What is answered, and the pictures as PNG files."""

    result: PreviewResult
    pictures: Mapping[PictureName, bytes]


@dataclass(frozen=True)
class Looking:
    """An image (3, H, W) in [0, 1] under the noise of one preview, and the models that look at it, one at a time."""

    request: PreviewRequest
    image: np.ndarray
    models: DenoiseAndClassify
    device: torch.device
    before_step: BeforeStep = lambda done: None

    @property
    def clean(self) -> torch.Tensor:
        """(1, 3, H, W), float32 on the device."""
        return torch.from_numpy(np.ascontiguousarray(self.image, dtype=np.float32))[None].to(self.device)

    def noisy(self, change: torch.Tensor | None = None) -> torch.Tensor:
        """The noisy copy (1, 3, H, W) of the image, or of the image with a change: the noise is the same."""
        image = self.image.astype(np.float64) + (0.0 if change is None else change[0].cpu().numpy())
        samples = GaussianSamples(image, self.request.sigma, SeededNoise(self.seed()))
        return torch.from_numpy(samples(Phase.PREVIEW, self.request.draw, 1)).to(self.device)

    @torch.inference_mode()
    def seen_in(self, images: torch.Tensor) -> int:
        """The class of images (1, 3, H, W) as they are; `NO_VOTE` for none."""
        return int(votes_of_rows(self.models.classifier(images))[0])

    @torch.inference_mode()
    def denoised(self, noisy: torch.Tensor) -> torch.Tensor:
        """(1, 3, H, W) in [0, 1]."""
        return self.models.denoiser(noisy, self.request.sigma)

    def seed(self, of: str = "") -> bytes:
        """32 bytes that anybody may know; the same for every sigma, so that a slider changes the noise and nothing
        else."""
        return public_seed(PURPOSE, f"{self.request.image.sha256}{of}")

    def label(self, index: int) -> str | None:
        return None if index == NO_VOTE else self.request.labels[index]


def make_preview(looking: Looking) -> Preview:
    """One noisy copy and its denoised version, and what a change of the image does to them, where one is asked for."""
    started, request = time.perf_counter(), looking.request
    looking.before_step(0)
    noisy = looking.noisy()
    denoised = looking.denoised(noisy)
    plain, as_noisy, index = (looking.seen_in(images) for images in (looking.clean, noisy, denoised))
    pictures = {PictureName.CANONICAL: looking.clean, PictureName.NOISY: noisy, PictureName.DENOISED: denoised}
    files = {name: png(values[0].float().cpu().numpy()) for name, values in pictures.items()}
    change = None
    if request.direction is not None:
        change, files[PictureName.DIFFERENCE] = changed(looking, index)
    result = PreviewResult(
        sigma=request.sigma,
        seen=Seen(plain=looking.label(plain), noisy=looking.label(as_noisy), denoised=looking.label(index)),
        pictures=tuple(picture(request, name) for name in files),
        change=change,
        model=answering_model(request),
        input=answered_image(request.image),
        seconds=time.perf_counter() - started,
    )
    return Preview(result, files)


def changed(looking: Looking, index: int) -> tuple[Change, bytes]:
    """The change that is asked for, what becomes of the noisy copy, and the picture of the difference."""
    request = looking.request
    assert request.radius is not None
    assert request.direction is not None
    found = the_change(looking, index, request.radius)
    after = looking.seen_in(looking.denoised(looking.noisy(found)))
    largest = float(found.abs().max())
    scale = GREY / largest
    return Change(
        radius=request.radius,
        direction=request.direction,
        steps=steps_of(request),
        seen_before=looking.label(index),
        seen_after=looking.label(after),
        largest=largest,
        scale=scale,
    ), difference(found[0].cpu().numpy(), scale)


def the_change(looking: Looking, index: int, radius: float) -> torch.Tensor:
    """(1, 3, H, W), float64, of exactly this L2 length."""
    seed = looking.seed(f"/{looking.request.draw}")
    generator = torch.Generator().manual_seed(int.from_bytes(seed[:7], "big"))
    if looking.request.direction is Direction.RANDOM:
        looking.before_step(SAMPLES_OF_A_COPY)
        return random_change(looking.clean, radius, generator)
    if not has_gradients(looking.models.classifier):
        raise InvalidInputError(NO_GRADIENTS, field="direction")
    if index == NO_VOTE:
        raise InvalidInputError(NO_LABEL, field="draw")
    draw = Draws(AttackNoise(seed, looking.request.sigma, looking.image.shape, looking.device), looking.before_step)
    objective = Objective(looking.models, index, m=1, batch_size=1)
    return worst_change(objective, looking.clean, radius, draw, generator, steps_of(looking.request))


@dataclass
class Draws:
    """The noise of an attack; each draw begins a step, before which others may be served."""

    noise: AttackNoise
    before_step: BeforeStep

    def __call__(self, count: int) -> torch.Tensor:
        with torch.no_grad():  # What serves others has no part in the gradient.
            self.before_step(SAMPLES_OF_A_COPY + SAMPLES_OF_A_STEP * self.noise.drawn)
        return self.noise(count)


def png(values: np.ndarray) -> bytes:
    """A picture of values (3, H, W), clipped to [0, 1]."""
    return encoded(np.rint(np.nan_to_num(values).clip(0, 1) * 255))


def difference(change: np.ndarray, scale: float) -> bytes:
    """A picture of a change (3, H, W), whose largest value is `GREY` / scale."""
    return encoded(np.rint(GREY + scale * change).clip(0, 255))


def encoded(levels: np.ndarray) -> bytes:
    """A PNG file of whole levels (3, H, W) from 0 to 255."""
    file = io.BytesIO()
    Image.fromarray(levels.astype(np.uint8).transpose(1, 2, 0)).save(file, "PNG")
    return file.getvalue()


def picture(request: PreviewRequest, name: PictureName) -> Picture:
    return Picture(name=name, width=request.image.width, height=request.image.height)


class PreviewRunner:
    """Runs the previews of the queue for one worker."""

    def __init__(
        self, board: JobBoard, store: ImageStore, model: LoadedModel, heartbeat: Heartbeat, stop: StopFlag
    ) -> None:
        self._board, self._store, self._model = board, store, model
        self._heartbeat, self._stop = heartbeat, stop
        self._previews = places_of(model.settings).previews

    def run(self, record: JobRecord, request: PreviewRequest, holding: Holding, pause: Callable[[], None]) -> None:
        """Makes the preview and ends the job; raises NotWantedError when it is to stop. Others are served in `pause`,
        between two steps."""

        def before_step(done: int) -> None:
            pause()
            holding.touch()
            self._check_wanted(holding, done)

        image = self._store.get(request.image.sha256)
        models = self._model.classifiers.base_classifier(request.label_task, request.sigma)
        assert isinstance(models, DenoiseAndClassify)
        device = torch.device(self._model.settings.device)
        try:
            made = make_preview(Looking(request, image, models, device, before_step))
        except BaseException as error:
            forget_locals(error)
            raise
        finally:
            if request.direction is Direction.WORST:
                give_back_memory()
        self._publish(record, request, holding, made)

    def _publish(self, record: JobRecord, request: PreviewRequest, holding: Holding, made: Preview) -> None:
        """The pictures are there before anybody reads of them; who erased the job meanwhile has none."""
        self._previews.keep(record.owner, record.id, request.image.sha256, made.pictures)
        if not self._board.complete(record.id, holding.shard, self._heartbeat.owner, made.result):
            self._previews.forget(record.owner, record.id)
            return
        self._heartbeat.count_shard()
        log.info("preview_finished", job=record.id)

    def _check_wanted(self, holding: Holding, done: int) -> None:
        if self._stop.requested or holding.lost or not self._is_wanted(holding, done):
            raise NotWantedError("the preview is given back")

    def _is_wanted(self, holding: Holding, done: int) -> bool:
        try:
            return self._board.note_progress(holding.job_id, holding.shard, self._heartbeat.owner, STAGE, done)
        except QueueUnavailableError:
            return True  # Work goes on while the server is away.
