"""Labels as a choice among the classes of a classifier that knows no others; no model library."""

from collections.abc import Sequence
from difflib import get_close_matches

from adapters.labels import folded, name_labels
from robustify.errors import InvalidInputError

SUGGESTIONS = 3


def class_indices(class_names: Sequence[str], labels: Sequence[str]) -> list[int]:
    """The class that each label stands for, whatever its case and spaces. Raises InvalidInputError for others."""
    known = {folded(name): index for index, name in enumerate(class_names)}
    keys = [folded(label) for label in labels]
    if unknown := [place for place, key in enumerate(keys) if key not in known]:
        raise InvalidInputError(
            f"labels that are none of the {len(class_names)} classes: {name_labels(labels, unknown)}"
            f"{suggestion(keys[unknown[0]], class_names)}",
            field="labels",
        )
    return [known[key] for key in keys]


def suggestion(label: str, class_names: Sequence[str]) -> str:
    """Classes of a similar name, as the end of a message."""
    by_key = {folded(name): name for name in class_names}
    near = [by_key[key] for key in get_close_matches(label, by_key, SUGGESTIONS)]
    return f". Similar to {label!r}: {', '.join(near)}" if near else ""
