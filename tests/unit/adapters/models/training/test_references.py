"""Reference images as files: made once, the same whatever stopped the work."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from adapters.images import Preprocessing, ResizeMode, canonicalise
from adapters.models.training.references import (
    contact_sheet,
    describe,
    file_name,
    png_bytes,
    read_references,
    synthesize,
)
from robustify.adaptation.references import plan_references
from robustify.types import Task

SIDE, BATCH = 8, 4
TASK = Task(("cat", "dog", "ship"))
PLAN = plan_references(TASK, shots=2, held_back=1, seed=0)
"""Nine images: two batches of four and one of one."""


class NoiseGenerator:
    """Pictures of noise, in four steps; which depend a little on what is made beside them, as with a real model."""

    def __init__(self) -> None:
        self.batches: list[Sequence[str]] = []

    def __call__(
        self, prompts: Sequence[str], generators: Sequence[torch.Generator], on_step: Callable[[], None]
    ) -> torch.Tensor:
        for _ in range(4):
            on_step()
        self.batches.append(prompts)
        images = torch.stack([torch.rand(3, SIDE, SIDE, generator=generator) for generator in generators])
        return images * 0.9 + 0.05 * len(prompts) / BATCH


def make(folder: Path, generator: NoiseGenerator, on_images: Callable[[int], None] = lambda done: None) -> None:
    synthesize(lambda: generator, PLAN, folder, BATCH, on_images)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_images_when_the_work_was_stopped_anywhere(tmp_path: Path) -> None:
    """The same files, bit for bit; batches that were complete are not made again."""
    whole = NoiseGenerator()
    make(tmp_path / "whole", whole)
    calls = len(told(tmp_path / "counted"))
    for stop_at in range(calls):
        folder, first, second = tmp_path / str(stop_at), NoiseGenerator(), NoiseGenerator()
        with pytest.raises(InterruptedError):
            make(folder, first, stopper(stop_at))
        make(folder, second)

        assert [*first.batches, *second.batches] == whole.batches
        assert files(folder) == files(tmp_path / "whole")


def stopper(call: int) -> Callable[[int], None]:
    left = [call]

    def stop(done: int) -> None:
        if left[0] == 0:
            raise InterruptedError
        left[0] -= 1

    return stop


def told(folder: Path) -> list[int]:
    """What `on_images` is told."""
    counts: list[int] = []
    make(folder, NoiseGenerator(), counts.append)
    return counts


def test_progress_when_images_are_made(tmp_path: Path) -> None:
    """Told before each batch, between its steps, and at the end: how many images there are."""
    assert told(tmp_path) == [0] * 5 + [4] * 5 + [8] * 5 + [9]
    assert told(tmp_path) == [0, 4, 8, 9]


def test_images_when_one_of_a_batch_is_missing(tmp_path: Path) -> None:
    """Its whole batch is made again, and only that; the files are the same as before."""
    make(tmp_path, NoiseGenerator())
    before = files(tmp_path)
    (tmp_path / file_name(PLAN[5])).unlink()
    generator = NoiseGenerator()
    make(tmp_path, generator)

    assert generator.batches == [[reference.prompt for reference in PLAN[4:8]]]
    assert files(tmp_path) == before


def test_images_when_all_are_there(tmp_path: Path) -> None:
    """The generator is not even loaded, and the files stay as they are."""
    make(tmp_path, NoiseGenerator())
    before, loaded = files(tmp_path), list[NoiseGenerator]()

    def load() -> NoiseGenerator:
        loaded.append(NoiseGenerator())
        return loaded[-1]

    synthesize(load, PLAN, tmp_path, BATCH, lambda done: None)

    assert loaded == []
    assert files(tmp_path) == before


def test_file_when_it_is_opened_by_others(tmp_path: Path) -> None:
    """PNG, lossless: all 256 levels of each channel come back."""
    levels = torch.arange(256).view(1, 16, 16).expand(3, -1, -1) / 255
    image = torch.stack([levels[0], levels[0].flip(0), levels[0].T])
    with Image.open(io.BytesIO(png_bytes(image))) as opened:
        assert (opened.format, opened.mode, opened.size) == ("PNG", "RGB", (16, 16))
        pixels = torch.from_numpy(np.array(opened)).permute(2, 0, 1)

    assert torch.equal(pixels, (image * 255).round().to(torch.uint8))


def test_references_when_they_are_read(tmp_path: Path) -> None:
    """Training images and held-back ones apart, each with its label, as the values of the files."""
    make(tmp_path, NoiseGenerator())
    trained, held_back = read_references(tmp_path, PLAN, SIDE)

    assert trained.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert held_back.labels.tolist() == [0, 1, 2]
    assert (trained.images.shape, held_back.images.shape) == ((6, 3, SIDE, SIDE), (3, 3, SIDE, SIDE))
    for reference, image in zip(PLAN, torch.cat([trained.images, held_back.images]), strict=True):
        assert png_bytes(image) == (tmp_path / file_name(reference)).read_bytes()


@pytest.mark.parametrize("mode", list(ResizeMode))
def test_references_when_the_profile_has_a_resize_mode(tmp_path: Path, mode: ResizeMode) -> None:
    """Models learn what they will see: the tensors that the service would make of these files."""
    make(tmp_path, NoiseGenerator())
    trained, _ = read_references(tmp_path, PLAN, SIDE, Preprocessing(mode))
    first = (tmp_path / file_name(PLAN[0])).read_bytes()

    assert torch.equal(trained.images[0], torch.from_numpy(canonicalise(first, SIDE, Preprocessing(mode)).tensor))


def test_references_when_none_are_held_back(tmp_path: Path) -> None:
    """An empty set, whose labels are whole numbers too."""
    plan = plan_references(TASK, shots=1, held_back=0, seed=0)
    synthesize(NoiseGenerator, plan, tmp_path, BATCH, lambda done: None)
    _, held_back = read_references(tmp_path, plan, SIDE)

    assert held_back.images.shape == (0, 3, SIDE, SIDE)
    assert held_back.labels.dtype == torch.int64


def test_description_when_it_is_printed() -> None:
    """One entry for each image, with the name of its file and of its label."""
    entry = describe(PLAN, TASK.labels)[7]

    assert entry.model_dump() == {
        "file": "0001-002.png",
        "label": "dog",
        "index": 1,
        "shot": 2,
        "prompt": "This is a photo of a dog",
        "seed": PLAN[7].seed,
        "held_back": True,
    }


@pytest.mark.parametrize(("side", "factor"), [(16, 4), (64, 1), (48, 2), (100, 1)])
def test_sheet_when_images_are_small_or_large(side: int, factor: int) -> None:
    """Rows of equal tiles, small ones enlarged by whole numbers, white where a row is short."""
    rows = [torch.rand(3, 3, side, side), torch.rand(2, 3, side, side)]
    with Image.open(io.BytesIO(contact_sheet(rows))) as opened:
        sheet = torch.from_numpy(np.array(opened)).permute(2, 0, 1)
    tile, gap = side * factor, 2

    assert sheet.shape == (3, 2 * tile + gap, 3 * tile + 2 * gap)
    for down, row in enumerate(rows):
        for across, image in enumerate(row):
            top, left = down * (tile + gap), across * (tile + gap)
            shown = sheet[:, top : top + tile : factor, left : left + tile : factor]
            assert torch.equal(shown, (image * 255).round().to(torch.uint8))
            assert torch.equal(shown, sheet[:, top + factor - 1 : top + tile : factor, left : left + tile : factor])
    assert bool((sheet[:, tile + gap :, 2 * (tile + gap) :] == 255).all())
    assert bool((sheet[:, tile : tile + gap] == 255).all())
