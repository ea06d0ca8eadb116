"""What fine-tuning changed of a model's tensors, stored exactly and no larger than needed.

A tensor that did not change is left out; one of which few rows changed (a text encoder's word vectors) keeps those
rows only; any other is stored whole.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save

from adapters.durable_files import write_durably
from robustify.errors import ModelFilesError

WHOLE, ROWS, INDICES = "whole.", "rows.", "indices."
Tensors = Mapping[str, torch.Tensor]


def write_delta(base: Tensors, tuned: Tensors, path: Path) -> None:
    stored: dict[str, torch.Tensor] = {}
    for name, tensor in tuned.items():
        stored |= changes(name, base[name], tensor.detach())
    write_durably(path, save({name: tensor.cpu().contiguous() for name, tensor in stored.items()}, {"format": "pt"}))


def changes(name: str, base: torch.Tensor, tuned: torch.Tensor) -> dict[str, torch.Tensor]:
    # Signs too: 0.0 and -0.0 are equal, but not the same bits.
    changed = (base != tuned) | (base.signbit() != tuned.signbit())
    if not changed.any():
        return {}
    if tuned.ndim < 2:
        return {WHOLE + name: tuned}
    rows = changed.flatten(1).any(1).nonzero().flatten()
    if len(rows) > len(tuned) // 2:
        return {WHOLE + name: tuned}
    return {INDICES + name: rows, ROWS + name: tuned[rows]}


def read_delta(base: Tensors, path: Path) -> dict[str, torch.Tensor]:
    """The changed tensors, bit for bit as they were tuned, on the CPU. Raises ModelFilesError for another model's."""
    stored = load_file(path)
    changed: dict[str, torch.Tensor] = {}
    for key, tensor in stored.items():
        kind, dot, name = key.partition(".")
        if name not in base or kind + dot not in (WHOLE, ROWS, INDICES):
            raise ModelFilesError(f"the classifier's delta changes {name[:200]!r}, which this classifier has not")
        if kind + dot == WHOLE:
            changed[name] = tensor
        elif kind + dot == ROWS:
            changed[name] = with_rows(name, base[name].cpu(), stored.get(INDICES + name), tensor)
        if kind + dot != INDICES and changed[name].shape != base[name].shape:
            raise ModelFilesError(f"the classifier's delta has another shape for {name[:200]!r}")
    return changed


def with_rows(name: str, base: torch.Tensor, indices: torch.Tensor | None, rows: torch.Tensor) -> torch.Tensor:
    """A copy of a tensor with some of its rows replaced."""
    if indices is None or rows.shape != (*indices.shape, *base.shape[1:]) or bool((indices >= len(base)).any()):
        raise ModelFilesError(f"the classifier's delta has rows for {name[:200]!r} that do not fit")
    whole = base.to(rows.dtype, copy=True)
    whole[indices] = rows
    return whole
