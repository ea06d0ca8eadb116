"""When votes are looked at, and how they add up from look to look.

The looks are planned beforehand, the last one at the cap, over the samples from the first on, without a gap. None is
left out, so that which is the first to settle an answer (`algorithms`) does not depend on the order, the number of
workers or how often the votes were counted.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from robustify.counting import VoteCounter


@dataclass(frozen=True)
class Tally:
    """The votes (K,) of the first so many samples."""

    samples: int
    votes: tuple[int, ...]

    @property
    def missing(self) -> int:
        """Samples without a vote."""
        return self.samples - sum(self.votes)


@dataclass(frozen=True)
class Looks:
    """One after every `step` samples up to `head` of them, then one after every `stride`, and one at the cap.

    Without a head there is one after every `step` samples throughout. ValueError where that is no plan.
    """

    step: int
    head: int = 0
    stride: int | None = None

    def __post_init__(self) -> None:
        if self.step < 1 or (self.stride is not None and self.stride < 1):
            raise ValueError(f"looks in steps of {self.step} and {self.stride} samples")
        if (self.head > 0) != (self.stride is not None) or self.head % self.step:
            raise ValueError(f"a head of {self.head} samples in steps of {self.step}, then of {self.stride}")

    def ends(self, cap: int) -> tuple[int, ...]:
        """How many samples there are at each look, ascending; the last is the cap."""
        if cap < 1:
            raise ValueError(f"{cap} samples in steps of {self.step}")
        later = range(self.head + (self.stride or self.step), cap, self.stride or self.step)
        return (*range(self.step, min(self.head + 1, cap), self.step), *later, cap)

    def spans(self, cap: int) -> Iterator[tuple[int, int]]:
        """(first sample, number of samples) between one look and the next: what there is to count for a look."""
        first = 0
        for end in self.ends(cap):
            yield first, end - first
            first = end


def counted(count_votes: VoteCounter, looks: Looks, cap: int) -> Iterator[Sequence[int]]:
    """The votes between one look and the next up to the cap, each counted when it is asked for."""
    return (count_votes(first, count) for first, count in looks.spans(cap))


def tallies(parts: Iterable[Sequence[int]], looks: Looks, cap: int) -> Iterator[Tally]:
    """One at each look: `parts` are the votes between a look and the next, from the first sample on."""
    votes = None
    for samples, part in zip(looks.ends(cap), parts, strict=False):
        votes = tuple(part) if votes is None else tuple(one + more for one, more in zip(votes, part, strict=True))
        yield Tally(samples, votes)
