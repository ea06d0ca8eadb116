"""What CLIP's tokenizer makes of a text before its vocabulary, without a model library."""

import html

import ftfy
import regex

SPLIT = regex.compile(
    r"<start_of_text>|<end_of_text>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+", regex.IGNORECASE
)


def clip_words(text: str) -> tuple[str, ...]:
    """The words that open_clip's `SimpleTokenizer` looks up: texts with the same words have the same tokens."""
    cleaned = html.unescape(html.unescape(ftfy.fix_text(text)))
    return tuple(SPLIT.findall(" ".join(cleaned.split()).lower()))
