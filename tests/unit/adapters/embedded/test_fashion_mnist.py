import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import T5Tokenizer

from adapters.embedded.recipe.cascade import encode_prompts
from adapters.embedded.recipe.fashion_mnist import (
    CLASS_NAMES,
    HELD_BACK,
    every,
    main,
    padded,
    read_fashion_mnist,
    read_idx,
    read_split,
)
from adapters.embedded.recipe.names import FASHION_MNIST_SYNONYMS
from adapters.embedded.recipe.text_encoder import prompt_of
from adapters.profiles.profile import BUNDLED
from workers.evaluation.data.dataset import stacked
from workers.evaluation.data.reading import read_dataset

TRAIN, TEST = 6000, 1000


def write_idx(path: Path, magic: int, values: np.ndarray) -> None:
    header = struct.pack(f">{1 + values.ndim}I", magic, *values.shape)
    path.write_bytes(gzip.compress(header + values.tobytes(), 1))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set in the layout of the real one; the first pixels of a picture number it."""
    folder = tmp_path_factory.mktemp("fashion")
    for name, count in (("train", TRAIN), ("t10k", TEST)):
        numbers = np.arange(count)
        pixels = np.zeros((count, 28, 28), np.uint8)
        pixels[:, 0, 0], pixels[:, 0, 1] = numbers % 256, numbers // 256
        write_idx(folder / f"{name}-images-idx3-ubyte.gz", 2051, pixels)
        write_idx(folder / f"{name}-labels-idx1-ubyte.gz", 2049, (numbers % 10).astype(np.uint8))
    return folder


def number_of(images: torch.Tensor) -> list[int]:
    """The numbers that the fixture wrote into pictures."""
    low, high = images[:, 0, 2, 2].int(), images[:, 0, 2, 3].int()
    return (low + 256 * high).tolist()


def test_padded_picture_has_a_black_margin_and_equal_channels() -> None:
    """28 x 28 grey pixels stand in the middle of 32 x 32, three times the same."""
    picture = padded(torch.full((1, 28, 28), 200, dtype=torch.uint8))

    assert picture.shape == (1, 3, 32, 32)
    assert picture[:, :, 2:30, 2:30].eq(200).all()
    assert picture.sum().item() == 3 * 28 * 28 * 200


def test_held_back_images_are_the_last_of_the_train_split(files: Path) -> None:
    """What settings are chosen on and what is trained on are fixed, and share no image."""
    trained = number_of(read_fashion_mnist(files).images)
    held_back = number_of(read_fashion_mnist(files, held_back=True).images)

    assert trained == list(range(TRAIN - HELD_BACK))
    assert held_back == list(range(TRAIN - HELD_BACK, TRAIN))


def test_every_takes_images_at_even_distances(files: Path) -> None:
    """Of 1,000 images, 500 are every second one, with their labels."""
    chosen = every(read_split(files, "t10k"), 500)

    assert number_of(chosen.images) == list(range(0, TEST, 2))
    assert chosen.labels.tolist() == [number % 10 for number in range(0, TEST, 2)]


def test_sheets_are_read_back_as_they_were(files: Path, tmp_path: Path) -> None:
    """The evaluation sees the pictures of each split, bit for bit and in order."""
    main(files, tmp_path)
    expected = every(read_split(files, "t10k"), 500)
    dataset = read_dataset(tmp_path, "test_500", 32)

    assert dataset.class_names == CLASS_NAMES
    assert list(dataset.labels) == expected.labels.tolist()
    assert np.array_equal(stacked(dataset), expected.images.numpy().astype(np.float32) / 255)
    assert len(read_dataset(tmp_path, "held_back_500", 32)) == 500


def test_file_of_another_kind_is_refused(files: Path) -> None:
    """Labels are no images."""
    with pytest.raises(ValueError, match="no IDX file of the expected kind"):
        read_idx(files / "t10k-labels-idx1-ubyte.gz", 2051)


def test_text_encoder_spells_every_name() -> None:
    """No piece of a name is unknown, so that the base stage can tell the names apart."""
    tokenizer = T5Tokenizer.from_pretrained(BUNDLED / "generator" / "tokenizer")
    names = [name for group in FASHION_MNIST_SYNONYMS.values() for name in group]
    ids = tokenizer([prompt_of("This is a photo of a {}", name) for name in names]).input_ids

    assert not any(tokenizer.unk_token_id in pieces for pieces in ids)
    assert len({tuple(pieces) for pieces in ids}) == len(names)


def test_text_encoder_tells_the_names_apart() -> None:
    """The rows of two class names differ by more than those of the closest names would by rounding."""
    text = encode_prompts(BUNDLED / "generator", [(name,) for name in CLASS_NAMES])
    rows = torch.stack([text.rows[group[0]].float().flatten() for group in text.of_class])
    distances = torch.cdist(rows, rows) + torch.eye(len(rows)) * rows.norm()

    assert distances.min() > 0.1 * rows.norm(dim=1).min()
