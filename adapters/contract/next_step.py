"""What decides when a job ends: the next step of a job, as a function of what the board holds of it.

1. A job that is over, or counts no votes, needs nothing.
2. CERTIFY chooses its class once every selection sample has been looked at, and before any estimation vote counts
   (rule 3 of a sound certificate): from those votes alone.
3. The votes of the last phase are put together from the first sample on, as far as there is no gap, between one planned
   look and the next. What lies behind a gap waits: timing must choose nothing.
4. The first look that settles the answer ends the job, with the votes up to that look and no others.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from adapters.contract.answer import certify_rule_of, predict_rule_of
from adapters.contract.jobs import JobRecord, JobRequest
from adapters.contract.records import JobKind
from robustify.smoothing.algorithms import first_settling_look
from robustify.smoothing.decisions import select
from robustify.smoothing.looks import Tally
from robustify.smoothing.rules import ForClass, Selection
from robustify.types import Phase

ShardVotes = Mapping[int, Sequence[int]]
"""First sample of a shard that is recorded -> its votes (K,)."""


@dataclass(frozen=True)
class Standing:
    """How a job stands, in one atomic read: its record, the class if it is chosen, and the votes of each phase with the
    shards that they are of, which have `shard_samples` samples each, or what is left of the phase."""

    record: JobRecord
    shard_samples: int
    selected: int | None = None
    votes: Mapping[Phase, ShardVotes] = field(default_factory=dict)

    def shards(self, phase: Phase) -> ShardVotes:
        return self.votes.get(phase, {})

    def is_complete(self, phase: Phase, samples: int) -> bool:
        """Whether every shard of the phase is recorded."""
        return all(first in self.shards(phase) for first in range(0, samples, self.shard_samples))

    def phase_votes(self, phase: Phase) -> list[int]:
        """The sum over the recorded shards of a phase, one number for each label."""
        return summed(self.shards(phase).values(), len(self.record.request.labels))


@dataclass(frozen=True)
class Select:
    """Store this class, which the selection votes chose."""

    index: int


@dataclass(frozen=True)
class Finish:
    """End the job with the answer of this tally; `selection` is that of a certificate."""

    selection: Selection | None
    tally: Tally


@dataclass(frozen=True)
class Wait:
    """More votes are needed, or nothing is."""


Step = Select | Finish | Wait


def next_step(standing: Standing) -> Step:
    """See the walk above."""
    # 1.
    if standing.record.status.done or standing.record.request.kind is JobKind.ADAPT:
        return Wait()
    request = standing.record.vote_request
    # 2.
    if request.kind is JobKind.CERTIFY and standing.selected is None:
        return choice(standing, request)
    # 3. and 4.
    selection = selection_of(standing, request)
    tally = settling_tally(request, selection, votes_between_looks(standing, request))
    return Wait() if tally is None else Finish(selection, tally)


def choice(standing: Standing, request: JobRequest) -> Select | Wait:
    """The class with the most selection votes, once all of them are in."""
    if not standing.is_complete(Phase.SELECT, request.n0):
        return Wait()
    return Select(select(standing.phase_votes(Phase.SELECT)))


def selection_of(standing: Standing, request: JobRequest) -> Selection | None:
    """The class that is stored and the votes that chose it; None of a prediction."""
    if standing.selected is None:
        return None
    return Selection(standing.selected, standing.phase_votes(Phase.SELECT))


def settling_tally(request: JobRequest, selection: Selection | None, parts: Iterable[Sequence[int]]) -> Tally | None:
    """The votes to answer with; None where more are needed than there are.

    `parts` are the votes between a look and the next, without a gap: `request.step` samples each, or all where the
    request has none. `selection` is that of a certificate.
    """
    if selection is None:
        return first_settling_look(predict_rule_of(request), parts)
    return first_settling_look(ForClass(certify_rule_of(request), selection), parts)


def votes_between_looks(standing: Standing, request: JobRequest) -> Iterator[Sequence[int]]:
    """The votes of the last phase between one look and the next, up to the first gap; a request without a step has its
    only look at the end."""
    phase, samples = request.phases[-1]
    if request.step is None:
        if standing.is_complete(phase, samples):
            yield standing.phase_votes(phase)
        return
    shards = standing.shards(phase)
    for first in count(0, standing.shard_samples):
        if first not in shards:
            return
        yield shards[first]


def summed(votes: Iterable[Sequence[int]], classes: int) -> list[int]:
    return [sum(of_class) for of_class in zip([0] * classes, *votes, strict=True)]
