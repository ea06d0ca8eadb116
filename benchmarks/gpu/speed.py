"""Samples a second of every way to compute, beside the official one, and the share of the device's peak."""

import statistics
from dataclasses import replace

import torch
from diffusers import UNet2DConditionModel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.denoise import GPU_PEAK_BATCH, convolution_peak
from benchmarks.gpu.agreement import Figures
from benchmarks.gpu.bench import (
    FLOAT32,
    GRAPHS,
    OFFICIAL,
    OURS,
    Bench,
    Way,
    repeated,
    seconds_of,
    tf32_as,
)
from benchmarks.paths import TOKENS

BATCHES = 4
"""That are counted at a time, so that the noise of the next is made while one is computed."""
GOAL, GOAL_RATIO = 196.0, 5.0
"""On an H100-class GPU: ten times the 19.6 of the authors' logs, and against the official way in the same run."""
PRODUCT_SIDE, PRODUCTS = 8192, 5
SMALL = 256, 1
"""Side of the product and images of the convolution on a CPU: one without bfloat16 is hundreds of times slower."""


def ways(bench: Bench, compiled: bool) -> list[Way]:
    """Each changes one thing of ours; graphs and larger batches are for GPUs alone."""
    found = [FLOAT32, replace(OURS, name="bfloat16, not channels last", channels_last=False), OURS]
    if bench.device.type == "cuda":
        larger = 2 * bench.architecture.batch_size
        found += [GRAPHS, replace(GRAPHS, name=f"CUDA graphs, batch {larger}", batch_size=larger)]
    if compiled:
        found.append(Way("torch.compile", compiled=True))
    return found


def of_way(bench: Bench, way: Way, seconds: float) -> Figures:
    """Samples a second as a worker counts votes, noise included, for about so many seconds."""
    votes = bench.votes(way)
    count = BATCHES * votes.batch_size
    median = statistics.median(repeated(lambda: votes(0, count), bench.device, seconds))
    return {f"samples_per_second {way.name}": count / median}


@torch.inference_mode()
def of_official(bench: Bench, seconds: float) -> Figures:
    """The same of the official way, which makes its noise on the device too."""
    with tf32_as(True):
        classify, size = bench.official(), bench.architecture.batch_size
        images = torch.from_numpy(bench.image).to(bench.device).expand(size, -1, -1, -1)
        median = statistics.median(repeated(lambda: classify(images), bench.device, seconds))
    return {f"samples_per_second {OFFICIAL}": size / median}


def peaks(bench: Bench) -> Figures:
    """FLOP/s in bfloat16, of a large product and of a convolution of the network's kind."""
    side, images = (PRODUCT_SIDE, GPU_PEAK_BATCH) if bench.device.type == "cuda" else SMALL
    product, convolution = product_peak(bench.device, side), convolution_peak(bench.device, images)
    return {"product_peak": product, "convolution_peak": convolution}


@torch.inference_mode()
def product_peak(device: torch.device, side: int) -> float:
    left, right = (torch.rand(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    left @ right
    return 2.0 * side**3 / min(seconds_of(lambda: left @ right, device) for _ in range(PRODUCTS))


def flops_of(bench: Bench) -> float:
    """Of one denoised sample, by the UNet as it is."""
    side = bench.architecture.side
    with torch.device("meta"):
        unet = UNet2DConditionModel(**bench.architecture.unet).eval()
        inputs = torch.empty(1, 6, side, side), torch.empty(1)
        rows = torch.empty(1, TOKENS, bench.architecture.text_width)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            unet(*inputs, encoder_hidden_states=rows, class_labels=torch.empty(1))
    return float(counter.get_total_flops())


def summary(bench: Bench, found: Figures) -> Figures:
    """The fastest of ours, against the official way and the peak, and what a sample costs."""
    speeds = {name: value for name, value in found.items() if name.startswith("samples_per_second ")}
    official = speeds.pop(f"samples_per_second {OFFICIAL}", None)
    best, flops = max(speeds.values()), flops_of(bench)
    return {
        "samples_per_second": best,
        "samples_per_second_goal": GOAL,
        **({} if official is None else {"ratio": best / official, "ratio_goal": GOAL_RATIO}),
        "flops_per_sample": flops,
        "of_product_peak": best * flops / found["product_peak"],
    }
