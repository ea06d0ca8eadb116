"""A tiny PRXPixel with random weights of the real classes, and a text encoder and a tokenizer for it."""

import json
from pathlib import Path

import torch
from diffusers import PRXTransformer2DModel
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import PreTrainedTokenizerFast, Qwen3VLTextConfig, Qwen3VLTextModel

TEXT_CHANNELS = 24
WORDS = ("[PAD]", "[UNK]", "a", "photo", "of", "cat")


def tiny_transformer(**changes: object) -> PRXTransformer2DModel:
    """As the real one, with a bottleneck and the size embedded; no weight is zero, as those of the class are."""
    torch.manual_seed(0)
    sizes = {"in_channels": 3, "patch_size": 8, "context_in_dim": TEXT_CHANNELS, "hidden_size": 32, "num_heads": 2}
    real = {"depth": 2, "axes_dim": [8, 8], "bottleneck_size": 12, "resolution_embeds": True}
    transformer = PRXTransformer2DModel(**{**sizes, **real, **changes}).eval().requires_grad_(False)
    for name, parameter in transformer.named_parameters():
        parameter.copy_(torch.randn_like(parameter) * 0.15 + (1.0 if "norm_" in name else 0.0))
    return transformer


def tiny_text_encoder() -> Qwen3VLTextModel:
    torch.manual_seed(1)
    sizes = {"vocab_size": len(WORDS), "hidden_size": TEXT_CHANNELS, "intermediate_size": 32, "head_dim": 8}
    layers = {"num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1}
    rope = {"rope_type": "default", "mrope_section": [2, 1, 1], "rope_theta": 10000.0}
    config = Qwen3VLTextConfig(**sizes, **layers, rope_parameters=rope, pad_token_id=0)
    return Qwen3VLTextModel(config).eval()


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]")


def save_pipeline(folder: Path, transformer: PRXTransformer2DModel, **index: object) -> None:
    """A folder in the pipeline's layout."""
    transformer.save_pretrained(folder / "transformer")
    tiny_text_encoder().save_pretrained(folder / "text_encoder")
    tiny_tokenizer().save_pretrained(folder / "tokenizer")
    said = {"_class_name": "PRXPixelPipeline", "noise_scale": 2.0, "prompt_max_tokens": 16, **index}
    (folder / "model_index.json").write_text(json.dumps(said))
