"""A tokenizer of transformers that knows a few words: the end behind them, and padding on the right."""

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer, pre_tokenizers, processors
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast


def save_word_tokenizer(folder: Path, words: Sequence[str], longest: int) -> None:
    """`words` has `<pad>`, `<unk>` and `<end>` among them; each word's place is its id."""
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    end = [("<end>", list(words).index("<end>"))]
    tokenizer.post_processor = processors.TemplateProcessing(single="$A <end>", special_tokens=end)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        unk_token="<unk>",
        eos_token="<end>",
        model_input_names=["input_ids"],
        model_max_length=longest,
    ).save_pretrained(folder)
