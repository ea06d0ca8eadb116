"""The rows of prompts as PRXPixel's own pipeline makes them, without the padding."""

from collections.abc import Sequence
from pathlib import Path

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, PRXPixelPipeline
from transformers import AutoTokenizer, Qwen3VLTextModel

from robustify.errors import ModelFilesError


@torch.no_grad()
def embed_prompts(folder: Path, prompt_tokens: int, prompts: Sequence[str]) -> list[torch.Tensor]:
    """The rows (T, D), float32, of each prompt's tokens, T at most `prompt_tokens` and 0 for an empty prompt.

    The encoder is Qwen3-VL's text model; the weights are let go with the call.
    """
    pipeline = text_pipeline(folder, prompt_tokens)
    rows = []
    for prompt in prompts:
        embedded, mask, *_ = pipeline.encode_prompt(prompt, torch.device("cpu"), do_classifier_free_guidance=False)
        rows.append(embedded[0][mask[0]])
    return rows


def text_pipeline(folder: Path, prompt_tokens: int) -> PRXPixelPipeline:
    """The pipeline with its text encoder alone: it cleans prompts, pads them and runs the encoder."""
    try:
        encoder = Qwen3VLTextModel.from_pretrained(
            folder, subfolder="text_encoder", use_safetensors=True, local_files_only=True, dtype=torch.float32
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, subfolder="tokenizer", local_files_only=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelFilesError("the text encoder cannot be loaded: its files are missing or no safetensors") from error
    return PRXPixelPipeline(
        transformer=None,
        scheduler=FlowMatchEulerDiscreteScheduler(),
        text_encoder=encoder.eval(),
        tokenizer=tokenizer,
        prompt_max_tokens=prompt_tokens,
    )
