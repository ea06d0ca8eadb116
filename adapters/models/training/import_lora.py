"""A LoRA file of somebody else's trainer: all of its tensors are used, or it is refused with a list of the rest.

What is written of it is our own form: peft's naming, float32, one rank, and the scale within, so that the change is
up @ down. It is the only form that every release of diffusers loads whole and in the strength that was trained.
"""

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn
from torch.nn.functional import pad

from adapters.contract.labels import listed
from adapters.durable_files import write_durably
from adapters.models.training.lora import PREFIX, Lora, LowRank, fits
from adapters.models.training.lora_namings import Modules, Part, Place
from adapters.models.training.lora_scaling import AdapterConfig, Scaling, adapter_config
from robustify.errors import InvalidInputError

Shapes = Mapping[str, torch.Size]
"""Module of the denoiser -> the shape (out, in) of its weight."""
Parts = Mapping[str, Mapping[Part, torch.Tensor]]
PICKLES = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl"})
HALVES = (Part.DOWN, Part.UP)
MOST_NAMED = 50


@dataclass(frozen=True)
class ForeignLora:
    """What a file changes, with its scale in it; and how the file was read.

    `ranks`: the least and the greatest. `sha256`: of the file.
    """

    lora: Lora
    namings: tuple[str, ...]
    scaling: Scaling
    ranks: tuple[int, int]
    tensors: int
    sha256: str


def linear_shapes(denoiser: nn.Module) -> Shapes:
    """The weights that a LoRA may change."""
    return {name: module.weight.shape for name, module in denoiser.named_modules() if isinstance(module, nn.Linear)}


def read_foreign_lora(path: Path, shapes: Shapes, alpha: float | None = None) -> ForeignLora:
    """Raises InvalidInputError unless every tensor has its place.

    `alpha`: of all adapters, where the file says none.
    """
    tensors, header = read_tensors(path)
    places = placed(tensors, Modules(shapes))
    parts = by_module(tensors, places)
    check_shapes(parts, shapes)
    config = adapter_config(path, header)
    scaling = scaling_of(parts, config, alpha)
    lora = {module: scaled(module, found, config, alpha) for module, found in parts.items()}
    ranks = [len(pair.down) for pair in lora.values()]
    return ForeignLora(
        lora=lora,
        namings=tuple(sorted({place.naming for place in places.values() if place.part is not Part.ALPHA})),
        scaling=scaling,
        ranks=(min(ranks), max(ranks)),
        tensors=len(tensors),
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def write_plain_lora(lora: Lora, path: Path) -> None:
    """The same bytes for the same change, whatever it was read from; smaller ranks are filled up with zeros."""
    rank = max(len(pair.down) for pair in lora.values())
    tensors: dict[str, torch.Tensor] = {}
    for module in sorted(lora):
        pair, missing = lora[module], rank - len(lora[module].down)
        tensors[f"{PREFIX}{module}.lora_A.weight"] = pad(pair.down, (0, 0, 0, missing)).contiguous()
        tensors[f"{PREFIX}{module}.lora_B.weight"] = pad(pair.up, (0, missing)).contiguous()
    content: bytes = save(tensors, {"format": "pt"})
    write_durably(path, content)


def read_tensors(path: Path) -> tuple[dict[str, torch.Tensor], Mapping[str, str]]:
    """All tensors, and the texts of the header."""
    if not path.is_file():
        raise InvalidInputError(f"{path} is no file", field="lora")
    if path.suffix.lower() in PICKLES:
        raise refusal(path, "may run code when it is read, as pickles do: convert it to safetensors")
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise refusal(path, "is no safetensors file, or damaged: only safetensors are read") from error


def placed(tensors: Mapping[str, torch.Tensor], modules: Modules) -> Mapping[str, Place]:
    """Where each tensor belongs; raises InvalidInputError with those that have none, share one, or lack a half."""
    found = {name: modules.place(name) for name in tensors}
    places = {name: place for name, place in found.items() if place is not None}
    names = defaultdict(list)
    for name, place in places.items():
        names[place.module, place.part].append(name)
    rest = {name for name, place in found.items() if place is None}
    rest |= {name for same in names.values() if len(same) > 1 for name in same}
    rest |= {name for name, place in places.items() if not all((place.module, half) in names for half in HALVES)}
    if rest or not tensors:
        raise InvalidInputError(named_rest(sorted(rest), len(tensors)), field="lora")
    return places


def named_rest(rest: list[str], total: int) -> str:
    if not total:
        return "the LoRA file holds no tensors"
    shown = listed([repr(name[:200]) for name in rest[:MOST_NAMED]], len(rest))
    return (
        f"{len(rest)} of the {total} tensors of the LoRA file have no place of their own in this denoiser, or lack "
        f"their other half: {shown}. None is left out: take a file that changes linear weights of this denoiser alone, "
        "each by one LoRA (no text encoder, convolution, DoRA, LoHa or LoKr)"
    )


def by_module(tensors: Mapping[str, torch.Tensor], places: Mapping[str, Place]) -> Parts:
    parts: dict[str, dict[Part, torch.Tensor]] = defaultdict(dict)
    for name, place in places.items():
        parts[place.module][place.part] = tensors[name]
    return parts


def check_shapes(parts: Parts, shapes: Shapes) -> None:
    """Raises InvalidInputError for halves that do not make up the weight, and for an alpha that is no number."""
    if wrong := [*misfits(parts, shapes)]:
        raise InvalidInputError(
            f"the LoRA file is of another denoiser: {listed(wrong[:MOST_NAMED], len(wrong))}", field="lora"
        )


def misfits(parts: Parts, shapes: Shapes) -> Iterator[str]:
    for module, found in parts.items():
        pair, weight = LowRank(found[Part.DOWN], found[Part.UP]), torch.empty(shapes[module], device="meta")
        if not fits(pair, weight) or not len(pair.down):
            yield f"{module} has up {[*pair.up.shape]} and down {[*pair.down.shape]} for a weight {[*weight.shape]}"
        elif not (pair.up.is_floating_point() and pair.down.is_floating_point()):
            yield f"{module} has whole numbers: it is quantised"
        elif Part.ALPHA in found and not is_scale(found[Part.ALPHA]):
            yield f"{module} has an alpha {found[Part.ALPHA].flatten()[:4].tolist()}, which is no scale"


def is_scale(alpha: torch.Tensor) -> bool:
    """Whether it is one number over 0."""
    return alpha.numel() == 1 and 0 < float(alpha) < math.inf


def scaling_of(parts: Parts, config: AdapterConfig | None, alpha: float | None) -> Scaling:
    """Where the scales come from; raises InvalidInputError for an alpha that is given beside the file's own."""
    stated: Scaling | None = "adapter config" if config else None
    if any(Part.ALPHA in found for found in parts.values()):
        stated = "alphas of the file"
    if stated and alpha is not None:
        raise InvalidInputError(f"its scale is stated already ({stated}): leave --alpha out", field="alpha")
    return stated or ("not stated, taken as the rank" if alpha is None else "given")


def scaled(
    module: str, found: Mapping[Part, torch.Tensor], config: AdapterConfig | None, alpha: float | None
) -> LowRank:
    """The halves with alpha / rank in the first; raises InvalidInputError when a number of them is not finite."""
    down, up = found[Part.DOWN].float(), found[Part.UP].float()
    if Part.ALPHA in found:
        scale = float(found[Part.ALPHA]) / len(down)
    elif config:
        scale = config.scale(module, len(down))
    else:
        scale = 1.0 if alpha is None else alpha / len(down)
    pair = LowRank(down * scale, up)
    if not (pair.down.isfinite().all() and pair.up.isfinite().all()):
        raise InvalidInputError(f"the LoRA file has numbers for {module} that are not finite", field="lora")
    return pair


def refusal(path: Path, why: str) -> InvalidInputError:
    return InvalidInputError(f"{path.name} {why}", field="lora")
