"""Which images of a set are taken, and in which order: positions in the order in which the set has them."""

from collections import Counter
from collections.abc import Sequence


def in_turn(labels: Sequence[int]) -> list[int]:
    """All positions: the first image of each class, then the second of each, and so on. So a run that is stopped has
    rows of all classes alike.
    """
    seen: Counter[int] = Counter()
    ranks: list[int] = []
    for label in labels:
        ranks.append(seen[label])
        seen[label] += 1
    return sorted(range(len(labels)), key=lambda position: (ranks[position], labels[position]))


def spread(labels: Sequence[int], limit: int | None) -> frozenset[int]:
    """`limit` positions at even distances over the images put in the order of their classes: every k-th where k times
    the limit is all of them. So the whole set is sampled, and each class by its share, whatever the set is sorted by.
    """
    total = len(labels)
    if limit is None or limit >= total:
        return frozenset(range(total))
    by_class = sorted(range(total), key=labels.__getitem__)
    return frozenset(by_class[number * total // limit] for number in range(limit))


def chosen(labels: Sequence[int], limit: int | None, takes_turns: bool) -> tuple[int, ...]:
    """The positions that are taken: every class in turn, or in the order of the set."""
    kept = spread(labels, limit)
    order = in_turn(labels) if takes_turns else range(len(labels))
    return tuple(position for position in order if position in kept)
