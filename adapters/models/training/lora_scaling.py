"""By how much a LoRA of another trainer is scaled: alpha / rank, from wherever the file or its neighbour says alpha.

peft's naming has no place for alpha: it stands in `adapter_config.json` beside the file, or in the file's header where
diffusers wrote it. Whoever reads the tensors alone serves another strength than the one that was trained.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from peft.utils.other import get_pattern_key
from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt, ValidationError

from adapters.models.training.lora_namings import OUTER
from robustify.errors import InvalidInputError

IN_HEADER, BESIDE = "lora_adapter_metadata", "adapter_config.json"
Scaling = Literal["alphas of the file", "adapter config", "given", "not stated, taken as the rank"]


class AdapterConfig(BaseModel):
    """What peft writes of a LoRA, so far as it decides the strength; of others than a plain LoRA it is refused."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    peft_type: Literal["LORA"] = "LORA"
    r: PositiveInt
    lora_alpha: PositiveFloat
    rank_pattern: Mapping[str, PositiveInt] = {}
    alpha_pattern: Mapping[str, PositiveFloat] = {}
    use_rslora: bool = False
    use_dora: Literal[False] = False
    fan_in_fan_out: Literal[False] = False

    def scale(self, module: str, rank: int) -> float:
        """Of a module whose adapter has this rank; raises InvalidInputError when the config is of another file."""
        stated = self.rank_pattern.get(get_pattern_key([*self.rank_pattern], module), self.r)
        if stated != rank:
            raise InvalidInputError(
                f"the adapter config says rank {stated} for {module}, which has rank {rank}: it is of another file",
                field="lora",
            )
        alpha = self.alpha_pattern.get(get_pattern_key([*self.alpha_pattern], module), self.lora_alpha)
        return alpha / (math.sqrt(rank) if self.use_rslora else rank)


def adapter_config(path: Path, header: Mapping[str, str]) -> AdapterConfig | None:
    """The config of a LoRA file, in its header or beside it; None where there is none."""
    beside = path.with_name(BESIDE)
    text = header.get(IN_HEADER) or (beside.read_bytes() if beside.is_file() else b"")
    if not text:
        return None
    try:
        # Diffusers puts the name of the model before each key.
        values = {OUTER.sub("", key, count=1): value for key, value in json.loads(text).items()}
        return AdapterConfig.model_validate(values)
    except (ValueError, AttributeError) as error:
        raise InvalidInputError(
            f"the adapter config of {path.name} is of no plain LoRA{wrong_keys(error)}: train one without DoRA and the "
            "like, or merge it yourself",
            field="lora",
        ) from error


def wrong_keys(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return ""
    return f" ({', '.join(sorted({str(found['loc'][0]) for found in error.errors()}))})"
