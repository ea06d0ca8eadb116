"""From PRXPixel to an equal denoiser for a constant prompt: what prompt, time and size decide is computed once.

The text is not updated from block to block, so that its keys and values are constants of the prompt; the modulation of
each block depends on time and size alone. Both their weights stay with the source. Everything is computed in float32
and cast once, at the end.
"""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from functools import partial

import torch
from diffusers import PRXTransformer2DModel
from diffusers.models.embeddings import get_timestep_embedding
from diffusers.models.transformers.transformer_prx import get_image_ids
from torch.nn.functional import linear, rms_norm, silu

from adapters.models.denoisers.folded.blocks import Projection
from adapters.models.denoisers.folded.denoiser import bytes_of
from adapters.models.denoisers.graphs import Launching, Network, one_by_one
from adapters.models.denoisers.prx_pixel.denoiser import PRXPixelDenoiser, as_image
from adapters.models.denoisers.prx_pixel.network import (
    NORM_EPS,
    Block,
    FoldedTransformer,
    ModulatedNorm,
    Modulation,
    TimeConstants,
)
from adapters.models.lru_cache import LruCache

TIME_CHANNELS, SIDE_CHANNELS = 256, 128
"""Of the sinusoids of a time, and of a height or a width, in PRXTransformer2DModel."""
CONSTANT_BYTES = 64 << 20
"""Room of one denoiser for what it computes once for each sigma and size: of PRXPixel 1 MiB in bfloat16."""
Moment = tuple[float, int, int]
"""The time that the network is told, height and width."""


@dataclass(frozen=True)
class Folding:
    """Builds the parts of one transformer with some weights replaced; weights as they are, are shared with others."""

    transformer: PRXTransformer2DModel
    device: torch.device
    dtype: torch.dtype
    overrides: Mapping[str, torch.Tensor] = field(default_factory=dict)
    shared: MutableMapping[str, torch.Tensor] = field(default_factory=dict)

    def network(self, rows: torch.Tensor) -> FoldedTransformer:
        """The transformer for a prompt's rows (T, D)."""
        text = self.projected("txt_in", rows[None].float())
        patches = ("img_in",) if "img_in.weight" in self.names else ("img_in.0", "img_in.1")
        return FoldedTransformer(
            patch_size=self.transformer.config["patch_size"],
            patches=tuple(self.projection(name) for name in patches),
            blocks=tuple(self.block(f"blocks.{index}", text) for index in range(len(self.transformer.blocks))),
            pixels=self.projection("final_layer.linear"),
        )

    def block(self, name: str, text: torch.Tensor) -> Block:
        keys, values = self.text_pair(f"{name}.attention", text)
        return Block(
            qkv=self.placed(f"{name}.attention.img_qkv_proj.weight"),
            query_norm=self.placed(f"{name}.attention.norm_q.weight", self.head_channels**-0.5),
            key_norm=self.placed(f"{name}.attention.norm_k.weight"),
            output=self.placed(f"{name}.attention.to_out.0.weight"),
            gate=self.placed(f"{name}.gate_proj.weight"),
            up=self.placed(f"{name}.up_proj.weight"),
            down=self.placed(f"{name}.down_proj.weight"),
            text_keys=keys,
            text_values=values,
        )

    def text_pair(self, name: str, text: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values (1, heads, T, channels of a head) that an attention takes from the text (1, T, C)."""
        joint = linear(text, self.tensor(f"{name}.txt_kv_proj.weight"))
        heads = self.transformer.config["num_heads"]
        keys, values = joint.view(1, text.shape[1], 2, heads, self.head_channels).permute(2, 0, 3, 1, 4)
        keys = rms_norm(keys, (self.head_channels,), self.tensor(f"{name}.norm_added_k.weight"), NORM_EPS)
        return self.put(keys), self.put(values)

    def constants(self, moment: Moment) -> TimeConstants:
        embedding = silu(self.embedding(moment))
        final = self.projected("final_layer.adaLN_modulation.1", embedding)[0]
        blocks = range(len(self.transformer.blocks))
        return TimeConstants(
            modulations=tuple(self.modulation(f"blocks.{index}.modulation.lin", embedding) for index in blocks),
            final_norm=self.norm(*final.chunk(2)),
            rope=self.rope(*moment[1:]),
        )

    def embedding(self, moment: Moment) -> torch.Tensor:
        """(1, C), as at the start of `PRXTransformer2DModel.forward`."""
        time, height, width = moment
        config = self.transformer.config
        waves = self.waves(time, TIME_CHANNELS, config["time_factor"])
        total = self.embedded("time_in", waves)
        if config["resolution_embeds"]:
            sides = [self.waves(side, SIDE_CHANNELS, 1.0) for side in (height, width)]
            total = total + self.embedded("resolution_embedder.mlp", torch.cat(sides, dim=-1))
        return total

    def waves(self, value: float, channels: int, scale: float) -> torch.Tensor:
        waves: torch.Tensor = get_timestep_embedding(
            torch.tensor([value], dtype=torch.float32, device=self.transformer.device),
            channels,
            flip_sin_to_cos=True,
            downscale_freq_shift=0.0,
            scale=scale,
            max_period=self.transformer.config["time_max_period"],
        )
        return waves

    def embedded(self, name: str, waves: torch.Tensor) -> torch.Tensor:
        return self.projected(f"{name}.out_layer", silu(self.projected(f"{name}.in_layer", waves)))

    def modulation(self, name: str, embedding: torch.Tensor) -> Modulation:
        shift, scale, gate, mlp_shift, mlp_scale, mlp_gate = self.projected(name, embedding)[0].chunk(6)
        return Modulation(self.norm(shift, scale), self.put(gate), self.norm(mlp_shift, mlp_scale), self.put(mlp_gate))

    def norm(self, shift: torch.Tensor, scale: torch.Tensor) -> ModulatedNorm:
        return ModulatedNorm(self.put(1 + scale), self.put(shift))

    def rope(self, height: int, width: int) -> torch.Tensor:
        """In float32 whatever the number format, as `apply_rope` uses it."""
        places = get_image_ids(1, height, width, self.transformer.config["patch_size"], self.transformer.device)
        rope: torch.Tensor = self.transformer.pe_embedder(places).to(self.device)
        return rope

    def projected(self, name: str, x: torch.Tensor) -> torch.Tensor:
        return linear(x, self.tensor(f"{name}.weight"), self.tensor(f"{name}.bias"))

    def projection(self, name: str) -> Projection:
        return Projection(self.placed(f"{name}.weight"), self.placed(f"{name}.bias"))

    def placed(self, name: str, factor: float = 1.0) -> torch.Tensor:
        """A weight on the device, as it is placed once for all unless it is replaced."""
        if name in self.overrides:
            return self.put(factor * self.tensor(name))
        if name not in self.shared:
            self.shared[name] = self.put(factor * self.tensor(name))
        return self.shared[name]

    def put(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.detach().to(self.device, self.dtype).contiguous()

    def tensor(self, name: str) -> torch.Tensor:
        """A weight in float32, where the source has it."""
        found = self.overrides.get(name)
        return (self.transformer.get_parameter(name) if found is None else found).detach().float()

    @property
    def head_channels(self) -> int:
        config = self.transformer.config
        return int(config["hidden_size"] // config["num_heads"])

    @property
    def names(self) -> frozenset[str]:
        return frozenset(name for name, _ in self.transformer.named_parameters())


class FoldedPRXPixel:
    """Denoises as `source` does, up to rounding; gradients with respect to the image are right too."""

    def __init__(self, source: PRXPixelDenoiser, folding: Folding, launching: Launching = one_by_one) -> None:
        self.source = source
        self._folding = folding
        self._launching = launching
        self._network = folding.network(source.prompt_rows)
        self._own_bytes = bytes_of(self._network, besides=folding.shared)
        self._timed: LruCache[Moment, TimedTransformer] = LruCache(
            self._timed_for, lambda timed: bytes_of(timed.constants, besides=()), CONSTANT_BYTES
        )

    def __call__(self, x: torch.Tensor, sigma: float) -> torch.Tensor:
        """Images (B, 3, H, W) in [0, 1] of such with noise sigma; H and W multiples of the patch."""
        time = self.source.time(sigma)
        timed = self._timed((time.told, x.shape[-2], x.shape[-1]))
        return as_image(timed.launched((1 - time.true) * (2 * x - 1)))

    @property
    def held_bytes(self) -> int:
        """What it holds beside the weights that all denoisers of its transformer share."""
        return self._own_bytes + self._timed.held_bytes

    def _timed_for(self, moment: Moment) -> "TimedTransformer":
        # Ordinary tensors even where inference mode calls for them first: gradients may be wanted of them later.
        with torch.inference_mode(False), torch.no_grad():
            constants = self._folding.constants(moment)
        return TimedTransformer(constants, self._launching(partial(self._network, constants=constants)))


@dataclass(frozen=True)
class TimedTransformer:
    """The constants of one time and size, and what launches the transformer with them."""

    constants: TimeConstants
    launched: Network


class PRXPixelFolder:
    """Folds the denoisers of one transformer, which stays on the CPU, for a device; they share what is the same."""

    def __init__(
        self,
        pristine: PRXPixelDenoiser,
        device: torch.device,
        dtype: torch.dtype,
        launching: Launching = one_by_one,
    ) -> None:
        self._pristine = pristine
        self._launching = launching
        self._plain = Folding(pristine.transformer, device, dtype)
        self._unadapted = self._fold(pristine)

    def __call__(self, denoiser: PRXPixelDenoiser) -> FoldedPRXPixel:
        """Denoiser is the pristine one, or that with another prompt or other weights."""
        return self._unadapted if denoiser is self._pristine else self._fold(denoiser)

    @property
    def shared_parameters(self) -> int:
        """Numbers on the device that every denoiser needs."""
        return sum(tensor.numel() for tensor in self._plain.shared.values())

    def _fold(self, denoiser: PRXPixelDenoiser) -> FoldedPRXPixel:
        plain = self._plain
        with torch.inference_mode(False), torch.no_grad():
            folding = Folding(plain.transformer, plain.device, plain.dtype, denoiser.overrides, plain.shared)
            return FoldedPRXPixel(denoiser, folding, self._launching)
