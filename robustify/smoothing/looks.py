"""Votes as they add up from look to look.

A look is taken every `step` samples and at the cap, over the samples from the first on, without a gap. The looks are
planned beforehand and none is left out, so that which is the first to settle an answer (`algorithms`) does not depend
on the order, the number of workers or how often the votes were counted.
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


def counted(count_votes: VoteCounter, step: int, cap: int) -> Iterator[Sequence[int]]:
    """The votes of `step` samples after the other up to the cap, each counted when it is asked for."""
    return (count_votes(first, min(step, cap - first)) for first in range(0, cap, step))


def tallies(parts: Iterable[Sequence[int]], step: int, cap: int) -> Iterator[Tally]:
    """One at each look: `parts` are the votes between a look and the next, from the first sample on."""
    samples, votes = 0, None
    for part in parts:
        samples = min(samples + step, cap)
        votes = tuple(part) if votes is None else tuple(one + more for one, more in zip(votes, part, strict=True))
        yield Tally(samples, votes)
