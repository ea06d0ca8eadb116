"""How trainers name the tensors of a LoRA: from a name to the weight that is changed, and which part of that it is."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Part(StrEnum):
    """Of a change alpha / rank x up @ down."""

    DOWN = "down"
    UP = "up"
    ALPHA = "alpha"


@dataclass(frozen=True)
class Place:
    """Where a tensor belongs, and whose naming says so."""

    module: str
    part: Part
    naming: str


OUTER = re.compile(r"(?:unet\.|transformer\.|base_model\.model\.)*")
"""What stands before the modules of the denoiser."""
NAMINGS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "kohya": re.compile(r"lora_unet_(?P<flat>\w+)\.(?P<part>lora_down\.weight|lora_up\.weight|alpha)"),
        "diffusers of 2023": re.compile(
            r"(?P<module>.+)\.processor\.(?P<projection>\w+)_lora\.(?P<part>down\.weight|up\.weight|alpha)"
        ),
        "diffusers": re.compile(
            r"(?P<module>.+?)\.(?P<part>lora(?:_linear_layer)?\.(?:down|up)\.weight|(?:lora\.)?alpha)"
        ),
        "peft": re.compile(r"(?P<module>.+?)\.(?P<part>lora_[AB])(?:\.\w+)?\.weight"),
    }
)
"""In the order in which they are tried."""


class Modules:
    """The modules of a denoiser whose weights may be changed, by their names and by what kohya makes of those."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)
        flat = {name: name.replace(".", "_") for name in self._names}
        # Two modules of one flat name could not be told apart: then neither is found.
        uses = Counter(flat.values())
        self._by_flat = {found: name for name, found in flat.items() if uses[found] == 1}

    def place(self, tensor: str) -> Place | None:
        """Where a tensor of that name belongs; None when no naming has a place for it here."""
        inner = OUTER.sub("", tensor, count=1)
        for naming, pattern in NAMINGS.items():
            if found := pattern.fullmatch(inner):
                module = self._module_of(found.groupdict())
                return Place(module, part_of(found["part"]), naming) if module in self._names else None
        return None

    def _module_of(self, groups: Mapping[str, str]) -> str:
        if "flat" in groups:
            return self._by_flat.get(groups["flat"], "")
        if "projection" in groups:
            projection = groups["projection"]
            return f"{groups['module']}.{'to_out.0' if projection == 'to_out' else projection}"
        return groups["module"]


def part_of(text: str) -> Part:
    if text.endswith("alpha"):
        return Part.ALPHA
    return Part.DOWN if "down" in text or text == "lora_A" else Part.UP
