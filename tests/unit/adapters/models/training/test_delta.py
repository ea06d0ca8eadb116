"""What fine-tuning changed: exact, no larger than needed, and refused by another model."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from adapters.models.training.delta import read_delta, write_delta
from robustify.errors import ModelFilesError

Tensors = dict[str, torch.Tensor]


@pytest.fixture
def base() -> Tensors:
    generator = torch.Generator().manual_seed(0)
    return {
        "tower.conv.weight": torch.randn(8, 3, 3, 3, generator=generator).to(memory_format=torch.channels_last),
        "tower.norm.weight": torch.ones(8),
        "tower.norm.num_batches_tracked": torch.tensor(12),
        "words.weight": torch.randn(500, 16, generator=generator),
        "projection": torch.randn(16, 8, generator=generator),
        "logit_scale": torch.tensor(4.6),
    }


@pytest.fixture
def tuned(base: Tensors) -> Tensors:
    """Some of it changed: a whole convolution, three words, one scale; one of the words by the sign of a zero."""
    changed = {name: tensor.clone() for name, tensor in base.items()}
    changed["tower.conv.weight"] += 1e-7 * torch.arange(8).add(1).view(8, 1, 1, 1)
    changed["words.weight"][[3, 400]] += 1e-3
    base["words.weight"][77, 0] = 0.0
    changed["words.weight"][77, 0] = -0.0
    changed["tower.norm.weight"][2] = 1.5
    return changed


def bits(tensor: torch.Tensor) -> bytes:
    return tensor.contiguous().numpy().tobytes()


def test_round_trip_when_parts_changed(base: Tensors, tuned: Tensors, tmp_path: Path) -> None:
    """What was changed comes back bit for bit, and what was not is absent."""
    write_delta(base, tuned, tmp_path / "delta")
    changed = read_delta(base, tmp_path / "delta")

    assert set(changed) == {"tower.conv.weight", "words.weight", "tower.norm.weight"}
    assert {name: bits(changed.get(name, base[name])) for name in base} == {name: bits(tuned[name]) for name in base}
    assert all(changed[name].dtype == tuned[name].dtype for name in changed)


def test_size_when_few_rows_changed(base: Tensors, tuned: Tensors, tmp_path: Path) -> None:
    """Only these rows are stored, and the file is smaller than the model."""
    write_delta(base, tuned, tmp_path / "delta")
    save_file({name: tensor.contiguous() for name, tensor in tuned.items()}, tmp_path / "full")
    stored = load_file(tmp_path / "delta")

    assert stored["rows.words.weight"].shape == (3, 16)
    assert stored["indices.words.weight"].tolist() == [3, 77, 400]
    assert stored["whole.tower.conv.weight"].shape == (8, 3, 3, 3)
    assert (tmp_path / "delta").stat().st_size < (tmp_path / "full").stat().st_size / 10


def test_delta_when_nothing_changed(base: Tensors, tmp_path: Path) -> None:
    """There is nothing in it."""
    write_delta(base, base, tmp_path / "delta")

    assert read_delta(base, tmp_path / "delta") == {}


def test_reading_when_the_base_is_in_bfloat16(base: Tensors, tuned: Tensors, tmp_path: Path) -> None:
    """The changed rows are exact, and the others are the base's."""
    write_delta(base, tuned, tmp_path / "delta")
    half = {name: tensor.to(torch.bfloat16) for name, tensor in base.items()}
    words = read_delta(half, tmp_path / "delta")["words.weight"]

    assert torch.equal(words[3], tuned["words.weight"][3])
    assert torch.equal(words[4], half["words.weight"][4].float())


@pytest.mark.parametrize(
    "stored",
    [
        {"whole.other": torch.ones(2)},
        {"whole.projection": torch.ones(16, 9)},
        {"whole.projection": torch.ones(128)},
        {"rows.words.weight": torch.ones(2, 16)},
        {"rows.words.weight": torch.ones(2, 15), "indices.words.weight": torch.tensor([1, 2])},
        {"rows.words.weight": torch.ones(2, 1), "indices.words.weight": torch.tensor([1, 2])},
        {"rows.words.weight": torch.ones(2, 16), "indices.words.weight": torch.tensor([1, 500])},
        {"rows.words.weight": torch.ones(2, 16), "indices.words.weight": torch.tensor([1])},
        {"part.projection": torch.ones(16, 8)},
        {"projection": torch.ones(16, 8)},
    ],
)
def test_reading_when_the_model_is_another(base: Tensors, tmp_path: Path, stored: Tensors) -> None:
    """An unknown tensor, another shape, or rows that do not fit are refused; nothing is stretched to fit."""
    save_file(stored, tmp_path / "delta")
    with pytest.raises(ModelFilesError, match="classifier's delta"):
        read_delta(base, tmp_path / "delta")
