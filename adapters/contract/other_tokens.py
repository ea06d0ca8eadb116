"""How many tokens a tokenizer of Hugging Face makes of a prompt, by its own file and without a model library.

What is counted here is what open_clip's `HFTokenizer` reads before it cuts. Imported only where a profile has such a
tokenizer.
"""

import html
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import ftfy
from tokenizers import Tokenizer

from adapters.profiles.text_encoder import OtherTokenizer

CLIPS_MARKS = 3
"""Start, end and class token, which open_clip's mode `clips` puts about the tokens itself."""
NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def token_counts(tokenizer: OtherTokenizer, prompts: Sequence[str]) -> Iterator[int]:
    """The tokens of each prompt, with all marks."""
    clean, loaded = CLEANING[tokenizer.clean], tokenizer_of(tokenizer.file, tokenizer.file.stat().st_mtime_ns)
    found = loaded.encode_batch([clean(prompt) for prompt in prompts], add_special_tokens=not tokenizer.is_clips)
    yield from (len(encoding.ids) + (CLIPS_MARKS if tokenizer.is_clips else 0) for encoding in found)


@lru_cache(maxsize=4)
def tokenizer_of(file: Path, changed_at: int) -> Tokenizer:
    """As it lies there, but for what it says of cutting and padding. Raises what the library raises."""
    loaded = Tokenizer.from_file(str(file))
    loaded.no_truncation()
    loaded.no_padding()
    return loaded


def repaired(text: str) -> str:
    return html.unescape(html.unescape(ftfy.fix_text(text))).strip()


def single_spaced(text: str) -> str:
    return " ".join(repaired(text).split())


def canonical(text: str) -> str:
    """Without punctuation and capitals (Zhai et al., 2022), as SigLIP reads it."""
    plain = repaired(text).replace("_", " ").translate(NO_PUNCTUATION)
    return " ".join(plain.lower().split())


CLEANING: Mapping[str, Callable[[str], str]] = {
    "whitespace": single_spaced,
    "lower": lambda text: single_spaced(text).lower(),
    "canonicalize": canonical,
}
"""As open_clip names them."""
