"""How many tokens CLIP's tokenizer makes of a prompt, without a model library: whether the text encoder reads it whole.

Byte pairs are merged as open_clip's `SimpleTokenizer` does it, by the same list of merges.
"""

import gzip
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path

from adapters.contract.fields import FieldProblem
from adapters.contract.labels import MOST_NAMED, clip_words, listed, numbered
from adapters.profiles.profile import Profile
from adapters.profiles.text_encoder import context_length, other_tokenizer
from robustify.types import Task

MERGES = Path(__file__).with_name("clip_merges.txt.gz")
END_OF_NOTICE = "\n====\n"
WORD_END = "</w>"
MARKS = ("<start_of_text>", "<end_of_text>")
"""Stand about every prompt; written in a text, each is one token."""
NEVER = 1 << 30
"""The rank of two parts that do not become one."""
Pair = tuple[str, str]
Counts = Callable[[Sequence[str], int], Iterable[int]]
"""From prompts, and how many tokens are enough, to how many each has."""


def check_prompts(task: Task, profile: Profile, field: str = "labels") -> Iterator[FieldProblem]:
    """Refuses labels whose prompts the text encoder would cut off."""
    if (length := context_length(profile)) is not None:
        yield from problems_of(longer_than(task, length, token_counts), task, length, field)
    elif (other := other_tokenizer(profile)) is not None:
        # Imported here: few profiles have one, and the image of the API does without the library.
        from adapters.contract import other_tokens

        counts = longer_than(task, other.length, lambda prompts, enough: other_tokens.token_counts(other, prompts))
        yield from problems_of(counts, task, other.length, field)


def problems_of(too_long: Mapping[int, int], task: Task, length: int, field: str) -> Iterator[FieldProblem]:
    if too_long:
        shown = [f"{numbered(task.labels, index)} has {count}" for index, count in [*too_long.items()][:MOST_NAMED]]
        yield FieldProblem(
            field=field,
            detail=f"The text encoder reads at most {length} tokens of a prompt, and with the template "
            f"{listed(shown, len(too_long))}. Shorten them, or the template.",
        )


def longer_than(task: Task, most: int, counts: Counts) -> Mapping[int, int]:
    """The labels with a prompt of more tokens, by their indices, and how many tokens the longest of each has."""
    found: dict[int, int] = {}
    for template in task.all_templates:
        for index, count in enumerate(counts(task.prompts_with(template), most)):
            if count > max(most, found.get(index, 0)):
                found[index] = count
    return dict(sorted(found.items()))


def token_counts(prompts: Sequence[str], enough: int) -> Iterator[int]:
    """The tokens of each prompt; of one that obviously has no more than `enough`, at least those that it has."""
    for prompt in prompts:
        bound = len(prompt) + len(MARKS)
        # Of plain text nothing is made longer before it is cut, and no character gives two tokens.
        yield bound if bound <= enough and prompt.isascii() and "&" not in prompt else token_count(prompt)


def token_count(text: str) -> int:
    """The tokens of a text, with the marks of its start and its end."""
    return len(MARKS) + sum(word_count(word) for word in clip_words(text))


@lru_cache(maxsize=4096)
def word_count(word: str) -> int:
    """The tokens of a word: of its parts, the two that stand first in the list of merges become one, again and again.

    open_clip merges all pairs of one kind at once. From the left, one by one, comes to the same: no two merges make the
    same part, so that what a new part is merged with stands further down in the list.
    """
    if word in MARKS:
        return 1
    signs, ranks = byte_signs(), merge_ranks()
    parts = [signs[byte] for byte in word.encode()]
    parts[-1] += WORD_END
    ranked = [ranks.get(pair, NEVER) for pair in pairwise(parts)]
    while ranked and (first := min(ranked)) != NEVER:
        place = ranked.index(first)
        parts[place] += parts.pop(place + 1)
        del ranked[place]
        for changed in range(max(0, place - 1), min(place + 1, len(ranked))):
            ranked[changed] = ranks.get((parts[changed], parts[changed + 1]), NEVER)
    return len(parts)


@cache
def merge_ranks() -> Mapping[Pair, int]:
    """The place of each pair in the list of merges."""
    text = gzip.decompress(MERGES.read_bytes()).decode().partition(END_OF_NOTICE)[2]
    pairs = (line.split() for line in text.split("\n"))
    return {(first, second): rank for rank, (first, second) in enumerate(pairs)}


@cache
def byte_signs() -> Mapping[int, str]:
    """The character that stands for each byte in the list of merges: itself where it shows, else one from 256 on."""
    shown = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    hidden = [byte for byte in range(256) if byte not in shown]
    return {**{byte: chr(byte) for byte in shown}, **{byte: chr(256 + rank) for rank, byte in enumerate(hidden)}}
