"""Lists of the classes that a classifier tells apart: read from a user's file or a model's config, no name twice.

A name is what a label must say to mean a class. Where a list holds a name twice, the second one is shown as
"missile (2)".
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from robustify.errors import ModelFilesError

LONGEST_NAME = 100
"""As long as a label may be; a longer name could not be asked for."""
FEWEST_CLASSES = 2
ID = re.compile(r"0|[1-9][0-9]{0,6}")
Repeats = Literal["refuse", "number"]


def read_class_list(path: Path, repeats: Repeats = "refuse") -> tuple[str, ...]:
    """The names of `classes.txt` (one a line) or `labels.json` (a list, or ids with their names), in order.

    Raises ModelFilesError for an empty name, one that no label can say, and, unless they are numbered, one that comes
    twice.
    """
    text = read_text(path)
    names = names_in_json(text, path.name) if path.suffix == ".json" else text.splitlines()
    return checked_names([name.strip() for name in names], path.name, repeats)


def read_id_to_label(config: Path) -> tuple[str, ...]:
    """The names of `id2label` in a model's config.json, by their ids; those that cannot be labels are made to.

    Raises ModelFilesError where an id is missing or comes twice.
    """
    document = parse(read_text(config), config.name)
    mapping = document.get("id2label") if isinstance(document, dict) else None
    if not isinstance(mapping, dict):
        raise ModelFilesError(f"{config.name} has no id2label: give the profile a list of classes")
    names = names_by_id(mapping, what := f"id2label of {config.name}")
    check_number(names, what)
    return unique_names([shortened(name) for name in names])


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """Names of which each stands for one class, whatever its case and width: a repeated one gets a number behind it."""
    taken, unique = Counter(folded(name) for name in names), list[str]()
    seen: set[str] = set()
    for name in names:
        shown, number = name, 1
        # A numbered name gives way to one that is written so in the list itself.
        while folded(shown) in seen or (number > 1 and folded(shown) in taken):
            number += 1
            shown = f"{name} ({number})"
        seen.add(folded(shown))
        unique.append(shown)
    return tuple(unique)


def folded(name: str) -> str:
    """The form in which labels are compared with classes."""
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).split())


def checked_names(names: Sequence[str], file: str, repeats: Repeats) -> tuple[str, ...]:
    check_number(names, file)
    entry = "entry" if file.endswith(".json") else "line"
    for number, name in enumerate(names, start=1):
        check_name(name, f"{entry} {number} of {file}")
    if repeats == "refuse" and (pair := first_repeat(names)):
        first, later = pair
        raise ModelFilesError(
            f"{entry} {first} and {entry} {later} of {file} are both {names[later - 1]!r}: correct one, "
            f'or call the second class "{names[later - 1]} (2)"'
        )
    return unique_names(names)


def check_number(names: Sequence[str], what: str) -> None:
    if len(names) < FEWEST_CLASSES:
        raise ModelFilesError(f"{what} names {len(names)} classes: there must be {FEWEST_CLASSES} or more")


def check_name(name: str, place: str) -> None:
    if not name:
        raise ModelFilesError(f"{place} is empty: each has the name of one class")
    if len(name) > LONGEST_NAME:
        raise ModelFilesError(f"{place} has {len(name)} characters: a class has at most {LONGEST_NAME}")
    if not name.isprintable():
        raise ModelFilesError(f"{place} has characters that cannot be seen: leave them out")


def first_repeat(names: Sequence[str]) -> tuple[int, int] | None:
    """The numbers, from 1, of two names that no label could tell apart."""
    firsts: dict[str, int] = {}
    for number, name in enumerate(names, start=1):
        if (first := firsts.setdefault(folded(name), number)) != number:
            return first, number
    return None


def names_in_json(text: str, file: str) -> Sequence[str]:
    document = parse(text, file)
    if isinstance(document, dict):
        return names_by_id(document, file)
    if isinstance(document, list) and all(isinstance(name, str) for name in document):
        return document
    raise ModelFilesError(f'{file} is no list of classes: write ["cat", "dog"] or {{"0": "cat", "1": "dog"}}')


def names_by_id(mapping: Mapping[str, object], what: str) -> Sequence[str]:
    """The names in the order of their ids, which count from 0 without a gap."""
    for key, name in mapping.items():
        if not ID.fullmatch(key):
            raise ModelFilesError(f"{what} has the id {key[:LONGEST_NAME]!r}: ids are 0, 1, 2 and so on")
        if not isinstance(name, str):
            raise ModelFilesError(f"{what} has no name for the id {key}: each class has one")
    if missing := [number for number in range(len(mapping)) if str(number) not in mapping]:
        raise ModelFilesError(
            f"{what} has {len(mapping)} names but none for the id {missing[0]}: ids count from 0 without gaps"
        )
    return [str(mapping[str(number)]) for number in range(len(mapping))]


def shortened(name: str) -> str:
    """A name as long as a label may be: of one with synonyms behind commas, as many as there is room for."""
    visible = "".join(letter if letter.isprintable() else " " for letter in name)
    cleaned = " ".join(visible.split()) or "unnamed"
    if len(cleaned) <= LONGEST_NAME:
        return cleaned
    cut = cleaned[: LONGEST_NAME + 1]
    return cut.rpartition(",")[0].strip() or cut[:LONGEST_NAME].strip()


def read_text(path: Path) -> str:
    """UTF-8, with or without the mark that Windows writes first."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ModelFilesError(f"{path.name} is missing or cannot be read: restore it") from error
    except ValueError as error:
        raise ModelFilesError(f"{path.name} is no text in UTF-8: save it as such") from error


def parse(text: str, file: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=distinct_keys)
    except RepeatedKeyError as error:
        raise ModelFilesError(f"{file} has the id or key {error.key!r} twice: leave one out") from error
    except (ValueError, RecursionError) as error:
        raise ModelFilesError(f"{file} is no JSON: correct or restore it") from error


class RepeatedKeyError(Exception):
    """A key that comes twice in one object, of which JSON's reader would keep the last."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def distinct_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise RepeatedKeyError(key[:LONGEST_NAME])
        found[key] = value
    return found
