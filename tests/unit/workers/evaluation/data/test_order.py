from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from workers.evaluation.data.order import chosen, in_turn, spread

LABELS = st.lists(st.integers(0, 4), min_size=1, max_size=60)


def test_every_class_has_its_turn() -> None:
    """The first of each class, then the second of each; more come after the shorter ones."""
    labels = [0, 0, 0, 1, 2, 2]

    assert [labels[position] for position in in_turn(labels)] == [0, 1, 2, 0, 2, 0]


@given(LABELS, st.integers(1, 80))
def test_limit_when_it_is_below_the_total(labels: list[int], limit: int) -> None:
    """Exactly so many are taken, each class by its share, up to one image."""
    found = Counter(labels[position] for position in spread(labels, limit))

    assert found.total() == min(limit, len(labels))
    share = min(1.0, limit / len(labels))
    assert all(abs(found[label] - share * count) < 1 + 1e-9 for label, count in Counter(labels).items())


def test_limit_takes_every_kth_of_each_class() -> None:
    """Over the whole set: the last images of a class are as likely to be among them as its first."""
    labels = [0] * 100 + [1] * 100

    assert sorted(spread(labels, 20)) == list(range(0, 200, 10))


def test_limit_when_classes_alternate() -> None:
    """Every k-th of a set in turns would be of one class, where k is a multiple of their number."""
    labels = [0, 1] * 1000

    assert [labels[position] for position in chosen(labels, 2, takes_turns=False)] == [0, 1]


@given(LABELS)
def test_order_without_a_limit(labels: list[int]) -> None:
    """All images are taken once: in their own order, or in turns."""
    assert chosen(labels, None, takes_turns=False) == tuple(range(len(labels)))
    assert sorted(chosen(labels, None, takes_turns=True)) == list(range(len(labels)))
