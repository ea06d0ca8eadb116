"""A step of personalisation and one of fine-tuning, ours beside the official loops, and the memory that ours takes."""

from collections.abc import Callable, Iterator

import torch

from adapters.models.training.workshop import Workshop
from benchmarks.adaptation import Step, compare, fine_tuning_steps, personalization_steps
from benchmarks.gpu.agreement import Figures
from benchmarks.gpu.bench import Bench, seconds_of
from benchmarks.paths import peak_bytes, wait_for

PARTS: dict[str, Callable[[Workshop], tuple[Step, Step]]] = {
    "personalization": personalization_steps,
    "fine_tuning": fine_tuning_steps,
}


def of_step(bench: Bench, part: str, rounds: int) -> Iterator[Figures]:
    """Ours first, since the official loop may have no room; then the median seconds of both, in turns."""
    ours, official = (waited_for(step, bench.device) for step in PARTS[part](Workshop(bench.profile, bench.settings)))
    peak, seconds = peak_of(ours, bench.device), seconds_of(lambda: ours(1), bench.device)
    yield {f"{part} peak_bytes": peak, f"{part} step_seconds": seconds}
    yield {f"{part} {name}": value for name, value in compare(ours, official, rounds).items()}


def waited_for(step: Step, device: torch.device) -> Step:
    """A step that ends when the device has done it."""

    def whole(number: int) -> None:
        step(number)
        wait_for(device)

    return whole


def peak_of(step: Step, device: torch.device) -> int:
    """The most that was allocated while one step of ours ran, with all models in memory."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    step(0)
    return peak_bytes(device)
