"""Lists of concepts: words and phrases, one on a line, however many there are."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from robustify.errors import InvalidInputError

MOST_CONCEPTS = 100_000
LONGEST_CONCEPT = 300
"""Characters."""


def concepts_of(file: Path | None, named: Sequence[str]) -> tuple[str, ...]:
    """Those of the file and those that are named, each once, in their order. Raises InvalidInputError for fewer than
    two, for too many, and for a file that is no text.
    """
    found = once([*(lines_of(file) if file else ()), *named])
    if not 2 <= len(found) <= MOST_CONCEPTS:
        raise InvalidInputError(
            f"{len(found)} concepts were given: give 2 to {MOST_CONCEPTS:,}, one a line in --concepts, or --concept",
            field="concepts",
        )
    return found


def lines_of(file: Path) -> list[str]:
    """The lines that are not empty."""
    try:
        return [line for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{file} is no text file of concepts, one a line, in UTF-8", "concepts") from error


def once(texts: Iterable[str]) -> tuple[str, ...]:
    """Without outer spaces; what differs only in case is one concept, as it is to CLIP's tokenizer."""
    found: dict[str, str] = {}
    for text in texts:
        cleaned = " ".join(text.split())
        if len(cleaned) > LONGEST_CONCEPT:
            raise InvalidInputError(f"a concept has over {LONGEST_CONCEPT} characters: {cleaned[:40]} ...", "concepts")
        found.setdefault(cleaned.casefold(), cleaned)
    return tuple(found.values())
