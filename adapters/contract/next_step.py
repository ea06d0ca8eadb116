"""What decides when a job ends: the next step of a job, as a function of what the board holds of it.

1. A job that is over, or counts no votes, needs nothing; one that is settled is published.
2. CERTIFY chooses its class at the first look at the selection votes that settles it, and before any estimation vote
   counts (rule 3 of a sound certificate): from those votes alone. Of several label sets, and at several sigmas, it
   chooses one class each.
3. The votes of the last phase are put together from the first sample on, as far as there is no gap, between one planned
   look and the next. What lies behind a gap waits: timing must choose nothing.
4. The first look that settles the answer ends the job, with the votes up to that look and no others.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from adapters.contract.answer import certify_rule_of, predict_rule_of, selection_rule_of, together_rule_of
from adapters.contract.jobs import JobRecord, JobRequest, PlannedPhase
from adapters.contract.records import JobKind
from robustify.smoothing.algorithms import chosen, first_settling_look
from robustify.smoothing.label_sets import votes_of_sets
from robustify.smoothing.looks import Looks, Tally
from robustify.smoothing.rules import ForClass, Selection
from robustify.types import Phase

ShardVotes = Mapping[int, Sequence[int]]
"""First sample of a shard that is recorded -> its votes (K,)."""
Choice = int | tuple[int, ...]
"""The class that the selection votes chose; of several label sets or sigmas, one of each."""
Selected = Selection | tuple[Selection, ...] | None
"""The choice with the votes that made it; None of a prediction."""


@dataclass(frozen=True)
class CountedPhase:
    """How a phase is cut into shards, and the votes of those that are recorded."""

    cut: Looks
    shards: ShardVotes = field(default_factory=dict)

    def without_gap(self, samples: int) -> Iterator[Sequence[int]]:
        """The votes of shard after shard from the first on, as far as there is no gap and no further than `samples`."""
        for first, _ in self.cut.spans(samples):
            if first not in self.shards:
                return
            yield self.shards[first]

    def is_complete(self, samples: int) -> bool:
        """Whether every shard of so many samples is recorded."""
        return all(first in self.shards for first, _ in self.cut.spans(samples))


@dataclass(frozen=True)
class Standing:
    """How a job stands, in one atomic read: its record, what is chosen, if it is, and by how many selection samples,
    and the votes of each phase. `is_settled`: its result is decided, and only to be published."""

    record: JobRecord
    selected: Choice | None = None
    selection_samples: int = 0
    counted: Mapping[Phase, CountedPhase] = field(default_factory=dict)
    is_settled: bool = False


@dataclass(frozen=True)
class Select:
    """Store this choice, which the votes of the first so many selection samples made."""

    index: Choice
    samples: int


@dataclass(frozen=True)
class Finish:
    """End the job with the answer of this tally."""

    selection: Selected
    tally: Tally


@dataclass(frozen=True)
class Publish:
    """Store the result that is settled, and let it be read: who settled it did not come to that."""


@dataclass(frozen=True)
class Wait:
    """More votes are needed, or nothing is."""


Step = Select | Finish | Publish | Wait


def next_step(standing: Standing) -> Step:
    """See the walk above."""
    # 1.
    if standing.record.status.done or not isinstance(standing.record.request, JobRequest):
        return Wait()
    if standing.is_settled:
        return Publish()
    request = standing.record.vote_request
    # 2.
    if request.kind is JobKind.CERTIFY and standing.selected is None:
        return choice(standing, request)
    # 3. and 4.
    selection = selection_of(standing)
    tally = settling_tally(request, selection, votes_between_looks(standing, request.phases[-1]))
    return Wait() if tally is None else Finish(selection, tally)


def choice(standing: Standing, request: JobRequest) -> Select | Wait:
    """The class with the most selection votes, once enough of them are in."""
    parts = votes_between_looks(standing, request.phases[0])
    tally = first_settling_look(selection_rule_of(request), parts)
    if tally is None:
        return Wait()
    if request.has_sets:
        return Select(tuple(one.index for one in together_rule_of(request).chosen(tally)), tally.samples)
    return Select(chosen(tally).index, tally.samples)


def selection_of(standing: Standing) -> Selected:
    """The choice that is stored."""
    if standing.selected is None:
        return None
    samples, sizes = standing.selection_samples, standing.record.vote_request.sizes
    votes = summed(standing.counted[Phase.SELECT].without_gap(samples), sum(sizes))
    if isinstance(standing.selected, int):
        return Selection(standing.selected, votes, samples)
    parts = zip(standing.selected, votes_of_sets(votes, sizes), strict=True)
    return tuple(Selection(index, part, samples) for index, part in parts)


def settling_tally(request: JobRequest, selection: Selected, parts: Iterable[Sequence[int]]) -> Tally | None:
    """The votes to answer with; None where more are needed than there are.

    `parts` are the votes between a look and the next, without a gap; all at once where there is one look.
    """
    if selection is None:
        return first_settling_look(predict_rule_of(request), parts)
    if isinstance(selection, tuple):
        return first_settling_look(together_rule_of(request), parts)
    return first_settling_look(ForClass(certify_rule_of(request), selection), parts)


def votes_between_looks(standing: Standing, planned: PlannedPhase) -> Iterator[Sequence[int]]:
    """The votes of a phase between one look and the next, up to the first gap; one without looks has its only one at
    the end."""
    counted = standing.counted[planned.phase]
    if planned.looks is not None:
        yield from counted.without_gap(planned.samples)
    elif counted.is_complete(planned.samples):
        yield summed(counted.shards.values(), sum(standing.record.vote_request.sizes))


def summed(votes: Iterable[Sequence[int]], classes: int) -> list[int]:
    return [sum(of_class) for of_class in zip([0] * classes, *votes, strict=True)]
