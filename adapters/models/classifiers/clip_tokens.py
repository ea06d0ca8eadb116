"""Prompts as an open_clip model reads them, and whether it reads them whole, whatever its tokenizer is."""

from collections.abc import Sequence
from typing import Protocol

import torch
from open_clip.tokenizer import HFTokenizer, SimpleTokenizer

from adapters.models.classifiers.text_checks import check_uncut
from robustify.errors import ModelFilesError
from robustify.types import Task

CLIPS_MODE = "clips"
CLIPS_MARKS = 3
"""What open_clip's mode `clips` puts about the tokens: a start, an end, and a class token in the last place."""


class Tokenizer(Protocol):
    """As open_clip has them: texts become tokens (K, T), padded or cut to its context length."""

    context_length: int | None

    def __call__(self, texts: list[str]) -> torch.Tensor: ...


def tokens_of(tokenizer: Tokenizer, task: Task) -> list[torch.Tensor]:
    """Tokens (K, T) of a task's prompts, for each template; refuses a prompt that the text encoder would cut off."""
    prompts = [list(task.prompts_with(template)) for template in task.all_templates]
    check_uncut(task.labels, sorted({index for texts in prompts for index in cut_off(tokenizer, texts)}))
    return [tokenizer(texts) for texts in prompts]


def cut_off(tokenizer: Tokenizer, texts: Sequence[str]) -> list[int]:
    """The indices of the texts that have more tokens than the context is long.

    The tokens themselves do not tell: some pad with zeros, others with the mark of the end or any other token, and some
    put a token of their own in the last place.
    """
    assert tokenizer.context_length is not None
    return [index for index, length in enumerate(lengths(tokenizer, texts)) if length > tokenizer.context_length]


def lengths(tokenizer: Tokenizer, texts: Sequence[str]) -> list[int]:
    """How many tokens each text has before it is cut, with all marks; without padding."""
    if isinstance(tokenizer, SimpleTokenizer):
        return [len(tokenizer.encode(text)) + 2 for text in texts]
    if isinstance(tokenizer, HFTokenizer):
        cleaned = [tokenizer.clean_fn(text) for text in texts]
        is_clips = tokenizer.tokenizer_mode == CLIPS_MODE
        found = tokenizer.tokenizer(
            cleaned, add_special_tokens=not is_clips, padding=False, truncation=False, verbose=False
        )
        return [len(ids) + (CLIPS_MARKS if is_clips else 0) for ids in found["input_ids"]]
    raise ModelFilesError("the classifier's tokenizer is of a kind whose prompts cannot be measured")


def check_tokenizer(tokenizer: Tokenizer) -> None:
    """Refuses a tokenizer that drops tokens at random, and one that cannot pad."""
    if isinstance(tokenizer, SimpleTokenizer) and tokenizer.reduction_fn is not None:
        raise ModelFilesError("the classifier's tokenizer drops tokens (reduction_mask): take that out of its config")
    if isinstance(tokenizer, HFTokenizer) and tokenizer.tokenizer.pad_token_id is None:
        raise ModelFilesError("the classifier's tokenizer has no padding token: name one in its tokenizer_config.json")
