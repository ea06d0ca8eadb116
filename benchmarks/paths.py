"""The ways to denoise and classify that are measured against each other, each in a process of its own."""

import json
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel

from adapters.models.classifiers.clip import ZeroShotClassifier, load_clip
from adapters.models.denoisers.diffusion import OneStepDenoiser, load_one_step_denoiser, one_step_denoiser
from adapters.models.denoisers.folded.denoiser import DenoiserFolder
from adapters.models.denoisers.folded.folding import Folds
from adapters.models.memory import keep_freed_memory
from adapters.models.process import silence_vendors
from adapters.profiles.library import find_profile
from benchmarks.official import OfficialDenoiser, OfficialDenoising
from robustify.schedule import TimestepRule, search_timestep
from robustify.types import Task

LABELS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIGMA, TOKENS, K = 0.25, 77, 1.8
CPU = torch.device("cpu")
Batch = Callable[[torch.Tensor], torch.Tensor]
FOLDS = tuple(field.name for field in fields(Folds))
OFFICIAL, AS_IT_IS, CONSTANTS, OURS = "official", "unet as it is", "constants", "ours"
STEPS = (OFFICIAL, AS_IT_IS, CONSTANTS, *FOLDS, OURS)
"""Cumulative: each has what those before it have; ours is bfloat16 and memory that is kept, too."""


@dataclass(frozen=True)
class Workload:
    """What is computed: a profile's models or, with `configs`, an architecture with random weights, unclassified."""

    batch_size: int
    side: int
    threads: int
    configs: Path | None = None
    device: torch.device = CPU

    def pristine(self, rule: TimestepRule = "exact", device: torch.device = CPU) -> OneStepDenoiser:
        """The denoiser in float32, laid out as diffusers loads it."""
        if self.configs is None:
            profile = find_profile("mini")
            source = str(profile.folder and profile.folder / "denoiser")
            return load_one_step_denoiser(source, profile.prompt, profile.k, rule, device, torch.float32)
        unet, scheduler = random_unet(self.configs), DDPMScheduler(**if_scheduler(self.configs))
        rows = torch.randn(TOKENS, unet.config["encoder_hid_dim"], generator=torch.Generator().manual_seed(1))
        return one_step_denoiser(unet, scheduler, rows, K, rule, device, torch.float32)

    def scheduler(self) -> DDPMScheduler:
        if self.configs is not None:
            return DDPMScheduler(**{**if_scheduler(self.configs), "variance_type": "fixed_small"})
        folder = find_profile("mini").folder
        scheduler: DDPMScheduler = DDPMScheduler.from_pretrained(
            f"{folder}/denoiser", subfolder="scheduler", variance_type="fixed_small"
        )
        return scheduler

    def classifier(self, dtype: torch.dtype) -> ZeroShotClassifier | None:
        if self.configs is not None:
            return None
        return load_clip(f"local-dir:{find_profile('mini').folder}/clip", self.device, dtype).zero_shot(Task(LABELS))


def read_config(path: Path) -> dict[str, object]:
    config = json.loads(path.read_text(encoding="utf-8"))
    return {name: value for name, value in config.items() if not name.startswith("_")}


def if_scheduler(configs: Path) -> dict[str, object]:
    return read_config(configs / "IF-II-L-scheduler_config.json")


def random_unet(configs: Path) -> UNet2DConditionModel:
    """IF-II-L with random weights; norms and biases too, so that nothing is neutral."""
    torch.manual_seed(0)
    unet = UNet2DConditionModel(**read_config(configs / "IF-II-L-unet-config.json"))
    for parameter in unet.parameters():
        if parameter.ndim == 1:
            parameter.data += 0.1 * torch.randn(parameter.shape)
    return unet


def official_path(work: Workload) -> Batch:
    """The official way, in float32 and in the layout in which diffusers makes its models."""
    denoiser = work.pristine(device=work.device)
    denoiser.unet.to(memory_format=torch.contiguous_format)
    scheduler, classifier = work.scheduler(), work.classifier(torch.float32)
    if classifier:
        classifier.clip.model.to(memory_format=torch.contiguous_format)
    t = search_timestep(2 * SIGMA, denoiser.alphas_cumprod)
    official = OfficialDenoiser(denoiser.unet, scheduler, denoiser.prompt_rows, denoiser.k)
    return chain(OfficialDenoising(official, t, SIGMA).denoise, classifier)


def path(name: str, work: Workload) -> Batch:
    """One of STEPS, ready to compute; only the official way has the library's TF32 for float32 on a GPU."""
    torch.backends.cudnn.allow_tf32 = name == OFFICIAL
    if name == OFFICIAL:
        return official_path(work)
    if name == OURS:
        keep_freed_memory()
        return folded_path(work, Folds(), torch.bfloat16)
    if name == AS_IT_IS:
        denoiser = work.pristine(device=work.device)
        denoiser.unet.to(memory_format=torch.contiguous_format)
        return chain(noisy_then(denoiser), work.classifier(torch.float32))
    done = FOLDS[: FOLDS.index(name) + 1] if name in FOLDS else ()
    return folded_path(work, Folds(**{fold: fold in done for fold in FOLDS}), torch.float32)


def folded_path(work: Workload, folds: Folds, dtype: torch.dtype) -> Batch:
    pristine = work.pristine()
    folded = DenoiserFolder(pristine, work.device, dtype, folds)(pristine)
    return chain(noisy_then(folded), work.classifier(dtype))


def noisy_then(denoiser: Callable[[torch.Tensor, float], torch.Tensor]) -> Batch:
    def denoise(images: torch.Tensor) -> torch.Tensor:
        return denoiser(images + SIGMA * torch.randn_like(images), SIGMA)

    return denoise


def chain(denoise: Batch, classifier: Batch | None) -> Batch:
    return (lambda images: classifier(denoise(images))) if classifier else denoise


@dataclass(frozen=True)
class Spent:
    """What one batch took in its process: seconds of the clock and of the CPU, and the peak memory so far: the
    process's on a CPU, the device's on a GPU.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def serve(name: str, work: Workload, pipe: Connection) -> None:
    """In a process of its own: says what memory its models take, then computes a batch whenever it is told to."""
    torch.set_num_threads(work.threads)
    silence_vendors()
    compute = path(name, work)
    images = torch.rand(work.batch_size, 3, work.side, work.side, generator=torch.Generator().manual_seed(0))
    images = images.to(work.device)
    with torch.inference_mode():
        compute(images[:1])
        wait_for(work.device)
        pipe.send(Spent(0.0, 0.0, peak_bytes(work.device)))
        while pipe.recv():
            started, cpu_started = time.perf_counter(), time.process_time()
            compute(images)
            wait_for(work.device)
            seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
            pipe.send(Spent(seconds, cpu_seconds, peak_bytes(work.device)))


def wait_for(device: torch.device) -> None:
    """Until all that was begun there is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak_bytes(device: torch.device = CPU) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@contextmanager
def running(name: str, work: Workload) -> Iterator[tuple[Spent, Callable[[], Spent]]]:
    """A path in a process of its own: what it took to get ready, and a function that computes one batch."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(name, work, theirs), daemon=True)
    process.start()
    theirs.close()

    def batch() -> Spent:
        ours.send(True)
        found: Spent = ours.recv()
        return found

    try:
        yield ours.recv(), batch
        ours.send(False)
    finally:
        ours.close()
        process.join(timeout=10)
        if process.is_alive():
            process.kill()
            process.join()
